/*
 * Ids of 128 random bits: journals, shares, containers, owners.  As text 32 lower-case
 * hex digits.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct id128 {
	uint8_t b[16];
};

enum { ID128_TEXT = 33 };		/* bytes of its text, NUL included */

struct id128 id128_random(void);	/* never all zero */

/* Write the text to to and return it. */
char *id128_text(struct id128 id, char to[ID128_TEXT]);

/* True and *out, where s is 32 hex digits (either case) and nothing more. */
bool id128_parse(const char *s, struct id128 *out);

static inline bool
id128_eq(struct id128 a, struct id128 b)
{
	return memcmp(a.b, b.b, sizeof a.b) == 0;
}

static inline bool
id128_none(struct id128 id)
{
	return id128_eq(id, (struct id128){ { 0 } });
}

#endif
