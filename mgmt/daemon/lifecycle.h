/*
 * The process: the pid file, going to the background, waiting for the word to stop.
 */
#ifndef MGMT_LIFECYCLE_H
#define MGMT_LIFECYCLE_H

#include "pipeline/base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Take the pid file: BUSY where a process that lives holds it, *pidp says which. */
must_check enum status pidfile_take(const char *path, pid_t *pidp);
void pidfile_drop(const char *path);

/* Who holds it; 0: nobody. */
pid_t pidfile_read(const char *path);

/*
 * Fork; the parent waits until the child says that it serves, prints its line and exits with its
 * code.  Returns in the child.  Then background_ready(0, "…") once, from the child.
 */
must_check enum status background(const char *log_path);
void background_ready(int code, const char *line);

/* Block the signals that stop, before threads start; then wait for one. */
void signals_block(void);
int signals_wait(void);

#endif
