/*
 * Chunks that were seen missing or damaged.  Nothing new is made to cite them: the next time
 * their bytes are carved they are stored again, and whoever cited them reads whole bytes again.
 *
 * They are in memory alone: who finds one reads, and may not commit a row.  After a restart a chunk
 * that is damaged is cited again until a read, compaction or a scrub meets it.
 */
#ifndef BLOCK_SUSPECT_H
#define BLOCK_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

struct suspects;

struct suspects *suspects_new(void);
void suspects_free(struct suspects **sp);

/* Any thread.  A bounded number is remembered; the oldest is forgotten for a new one. */
void suspect_add(struct suspects *s, const uint8_t digest[32]);
bool suspect_is(struct suspects *s, const uint8_t digest[32]);
void suspect_clear(struct suspects *s, const uint8_t digest[32]);
uint32_t suspects_count(struct suspects *s);

#endif
