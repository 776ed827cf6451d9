/*
 * Outcomes.  What can fail returns an enum status; OK is 0.  errno becomes a status at the
 * system call, a wire code exists only in the gateway's map.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#define must_check __attribute__((warn_unused_result))

enum status {
	OK = 0,
#define STATUS(name, err, text) ST_##name,
#include "pipeline/base/status.def"
#undef STATUS
	ST_COUNT
};

/* "NOENT", and "no such name"; static strings. */
const char *status_name(enum status st);
const char *status_text(enum status st);

/* The errno that speaks nearest to st; 0 for OK. */
int status_errno(enum status st);

/* The status of a failed system call; an errno without a row is ST_IO. */
enum status status_of_errno(int err);

#endif
