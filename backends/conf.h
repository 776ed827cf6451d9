/*
 * Options of a store as an operator writes them: "key=value key=value", each key from a table with
 * its type and its least and greatest value.  What is not said keeps its default.
 */
#ifndef BACKENDS_CONF_H
#define BACKENDS_CONF_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

enum backends_conf_type { CONF_SIZE, CONF_NUMBER };

struct backends_conf_row {
	const char *key;
	enum backends_conf_type type;
	uint64_t least, most;
	uint64_t *value;		/* where it goes; holds the default */
};

/* INVAL: an unknown key, a value that is none or out of range; why names it. */
must_check enum status backends_conf_read(const char *options, const struct backends_conf_row *rows,
    uint32_t nrows, struct text *why);

#endif
