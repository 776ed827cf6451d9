/*
 * Options of a store as an operator writes them, "key=value key=value" or pairs, each key from a
 * table with its type and its least and greatest value.  What is not said keeps its default.
 */
#ifndef BACKENDS_CONF_H
#define BACKENDS_CONF_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

enum backends_conf_type { CONF_SIZE, CONF_NUMBER, CONF_FLAG, CONF_TEXT };

struct backends_conf_row {
	const char *key;
	enum backends_conf_type type;
	uint64_t least, most;		/* of a text: its bytes */
	void *value;			/* where it goes, holding the default: uint64_t, bool, or
					 * const char *, which cites the pair */
};

struct backends_pair {
	const char *key, *value;
};

/* INVAL: an unknown key, a value that is none or out of range; why names it. */
must_check enum status backends_conf_read(const char *options, const struct backends_conf_row *rows,
    uint32_t nrows, struct text *why);

/* The same from pairs, among which may be secrets: why names a key, never a value. */
must_check enum status backends_conf_pairs(const struct backends_pair *pairs, uint32_t npairs,
    const struct backends_conf_row *rows, uint32_t nrows, struct text *why);

#endif
