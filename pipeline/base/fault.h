/*
 * Named fault points, for tests only: without --enable-faults they compile to nothing.
 * A test arms a name (or all, NULL) to fail at its n-th call; DITTOFS_FAULT=NAME:N does the same
 * in a whole program, NAME:N:kill ends the process there as by kill -9;
 * the name * stands for all.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

void fault_arm(const char *name, uint64_t nth);	/* name is kept; nth counts from 1; 0 disarms */
uint64_t fault_count(void);			/* calls of armed names so far */
const char *fault_fired(void);	/* the one that failed since the last arming; NULL: none */
bool fault_hit(const char *name);

/* Does this call of a sync site only pretend?  DITTOFS_SKIP_SYNC lists sites, separated by commas:
 * a power-loss test that passes all the same does not see that site.  Never without
 * --enable-faults. */
bool sync_skipped_hit(const char *site);

#ifdef HOUSE_FAULTS
#define FAULT(name) fault_hit(name)
#define sync_skipped(site) sync_skipped_hit(site)
#else
#define FAULT(name) ((void)(name), false)
#define sync_skipped(site) ((void)(site), false)
#endif

#endif
