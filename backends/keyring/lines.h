/*
 * A file of secrets, line by line, in locked memory.
 */
#ifndef BACKENDS_KEYRING_LINES_H
#define BACKENDS_KEYRING_LINES_H

#include "pipeline/base/status.h"

#include <stddef.h>

enum { KEYRING_LINES_MAX = 16, KEYRING_LINE_MAX = 1024 };

struct keyring_lines {			/* from secret_new */
	size_t n;
	struct keyring_line { size_t len; char text[KEYRING_LINE_MAX + 1]; } v[KEYRING_LINES_MAX];
};

/* Free with keyring_lines_free.  Errors as keyring.h says; at least one line under OK. */
must_check enum status keyring_lines_read(const char *path, struct keyring_lines **lp, char *why,
    size_t why_cap);
must_check enum status keyring_lines_of(const char *line, struct keyring_lines **lp, char *why,
    size_t why_cap);
void keyring_lines_free(struct keyring_lines **lp);

#endif
