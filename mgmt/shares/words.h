/*
 * What an operator writes for a share's encryption, compression and retention, and what it is
 * called.
 */
#ifndef MGMT_SHARES_WORDS_H
#define MGMT_SHARES_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* "none", "auto" (what this CPU does best), or a name of crypto/aead.h; false: no such. */
bool shares_encryption_of(const char *word, uint8_t *aead);

/* "none", "zstd", "zstd-LEVEL"; false: no such. */
bool shares_compression_of(const char *word, uint8_t *level);

/* And back: a word that the control plane knows, for levels the nearest. */
const char *shares_encryption_word(uint8_t aead);
const char *shares_compression_word(uint8_t level);

/* "lru", "pin", "ttl": enum retention; false: no such.  And back. */
bool shares_retention_of(const char *word, uint8_t *retention);
const char *shares_retention_word(uint8_t retention);

#endif
