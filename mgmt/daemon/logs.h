/*
 * The log that a daemon in the background writes, shown by `dfs logs`.
 */
#ifndef MGMT_LOGS_H
#define MGMT_LOGS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Print the last lines of that file, then those that come where follow says so, until a signal or
 * until nobody reads.
 *
 * since  "2026-01-31T12:00:00Z": no line of before; NULL: any
 * Returns the code to end with; what is wrong is said.
 */
int logs_show(const char *path, uint64_t lines, const char *since, bool follow);

#endif
