/*
 * What differs from system to system; the rest of this room is the same everywhere.
 */
#ifndef MGMT_CTL_SYSTEM_H
#define MGMT_CTL_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

/* The folder of settings of this user; NULL: none is known. */
const char *ctl_system_home(char *to, size_t cap);

/* A folder that nobody else may enter; one that is there is left as it is. */
void ctl_system_dir(const char *path);

/* Put that file there, whole or not at all, for its owner alone; false: errno says why. */
bool ctl_system_file(const char *path, const char *bytes, size_t len);

/* Whether the terminal of standard input shows what is typed; false: it could not be changed. */
bool ctl_system_echo(bool on);

/* Who runs this program, as numbers; false: this system has none. */
bool ctl_system_ids(unsigned *uid, unsigned *gid);

/* Must sudo be put before a command that only an administrator may give? */
bool ctl_system_asks_root(void);

#endif
