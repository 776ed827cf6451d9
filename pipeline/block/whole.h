/*
 * A container's bytes as a whole, wherever they were read: which of its units are good, what two
 * damaged copies make together, and the file put back.  For scrub, which has time; readers go by
 * unit (mirror.h).
 */
#ifndef BLOCK_WHOLE_H
#define BLOCK_WHOLE_H

#include "pipeline/block/mirror.h"

struct whole {
	uint8_t *bytes;			/* NULL: there is no such copy */
	uint64_t len;			/* as the row says; what the copy lacks of it is zeroes */
	bool part; /* of the file that holds only parts: what lacks is no damage */
	bool index_ok;			/* header, key and index are as they were */
	struct container_ident ident;
	uint32_t n, nbad;		/* units; without an index 0 and 0 */
	struct container_chunk *rows;
	uint8_t *state;			/* enum whole_unit, one a unit */
};

enum whole_unit { UNIT_GOOD, UNIT_BAD, UNIT_ABSENT };

/* What is here of a container, len bytes of it, whole or in part; holes and what the disk does not
 * give are zeroes.  NOENT: nothing is here.  Then whole_check. */
must_check enum status whole_load(struct mirror *m, uint64_t number, uint64_t len, struct whole *w);
void whole_free(struct whole *w);

/*
 * Check w, whose bytes and len are set (bytes from malloc, taken): header, index, each unit's tag,
 * each chunk's digest.  like: a good copy whose header and index count where w's own are damaged,
 * or NULL; its bytes are copied over those.
 *
 * OK: all has been looked at; w says what was found.  NOKEY: its key is not here.
 */
must_check enum status whole_check(struct mirror *m, uint64_t number, const uint8_t digest_key[32],
    const struct whole *like, struct whole *w);

/* Is it all there and good? */
bool whole_good(const struct whole *w);

/* Take over from other what is good there and not here; both have been checked. */
void whole_merge(struct whole *w, const struct whole *other);

/* Put a file in the place of what is here of that container: written aside, synced, renamed, the
 * folder synced; who reads the old one goes on.  NOSPC, IO: all is as it was. */
must_check enum status mirror_replace(struct mirror *m, uint64_t number, const uint8_t *bytes,
    uint64_t len);

/* Damaged units of a file of parts are forgotten, so that they are fetched again when wanted. */
void mirror_forget(struct mirror *m, uint64_t number, const struct whole *w);

#endif
