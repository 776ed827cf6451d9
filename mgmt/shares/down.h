/*
 * Shares that should serve and do not, and why: for the log, for health, for who shows a share.
 */
#ifndef MGMT_SHARES_DOWN_H
#define MGMT_SHARES_DOWN_H

#include <stdbool.h>
#include <stddef.h>

/* That share is down; why is a sentence.  NULL: it is not, or is not meant to serve. */
void shares_down_note(const char *name, const char *why);

/* False: none of that name is down; to is left as it is. */
bool shares_down_why(const char *name, char *to, size_t cap);

/* In the order in which they went down; no other of these calls meanwhile. */
void shares_down_each(void (*see)(const char *name, const char *why, void *arg), void *arg);

void shares_down_clear(void);

#endif
