/*
 * Completion of the daemon's command line for shells.
 */
#ifndef MGMT_COMPLETION_H
#define MGMT_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

/* Print a script for that shell: bash, zsh or fish.  words: "config show", …, n of them; flags: all
 * long ones, "--config", separated by spaces.  False: no shell that is known. */
bool completion_print(const char *shell, const char *const *words, size_t n, const char *flags);

#endif
