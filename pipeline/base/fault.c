/*
 * The armed fault point: one name (or all) and the number of the call that fails.  The
 * environment is read before main, so a whole program can be armed from outside.
 */
#include "pipeline/base/fault.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic(const char *) armed_name;	/* NULL: every name */
static _Atomic uint64_t armed_nth;		/* 0: none; stored last, by release */
static _Atomic uint64_t calls;
static _Atomic bool armed_kill;
static _Atomic(const char *) fired;

static void
arm(const char *name, uint64_t nth, bool kill_there)
{
	atomic_store_explicit(&armed_nth, 0, memory_order_relaxed);
	atomic_store_explicit(&armed_name, name, memory_order_relaxed);
	atomic_store_explicit(&armed_kill, kill_there, memory_order_relaxed);
	atomic_store_explicit(&calls, 0, memory_order_relaxed);
	if (nth != 0)
		atomic_store_explicit(&fired, NULL, memory_order_relaxed);
	atomic_store_explicit(&armed_nth, nth, memory_order_release);
}

void
fault_arm(const char *name, uint64_t nth)
{
	arm(name, nth, false);
}

/* NAME:N or NAME:N:kill; false where it is neither. */
static bool
arm_from(char *spec)
{
	char *number = strchr(spec, ':'), *how;
	uint64_t nth;

	if (number == NULL || number == spec)
		return false;
	*number++ = '\0';
	how = strchr(number, ':');
	if (how != NULL) {
		*how++ = '\0';
		if (strcmp(how, "kill") != 0)
			return false;
	}
	if (!text_u64(number, 1, UINT64_MAX, &nth))
		return false;
	arm(strcmp(spec, "*") == 0 ? NULL : spec, nth, how != NULL);
	return true;
}

__attribute__((constructor)) static void
arm_from_environment(void)
{
	static char spec[128];
	const char *env = getenv("DITTOFS_FAULT");

	if (env == NULL)
		return;
	if (strlen(env) < sizeof spec) {
		memcpy(spec, env, strlen(env) + 1);
		if (arm_from(spec))
			return;
	}
	fprintf(stderr, "DITTOFS_FAULT is not NAME:N or NAME:N:kill\n");
	exit(2);		/* a drill that was not armed must not pass */
}

uint64_t
fault_count(void)
{
	return atomic_load_explicit(&calls, memory_order_relaxed);
}

const char *
fault_fired(void)
{
	return atomic_load_explicit(&fired, memory_order_relaxed);
}

bool
fault_hit(const char *name)
{
	uint64_t nth = atomic_load_explicit(&armed_nth, memory_order_acquire);
	const char *armed;

	if (nth == 0)
		return false;
	armed = atomic_load_explicit(&armed_name, memory_order_relaxed);
	if (armed != NULL && strcmp(armed, name) != 0)
		return false;
	if (atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1 != nth)
		return false;
	if (atomic_load_explicit(&armed_kill, memory_order_relaxed))
		kill(getpid(), SIGKILL);
	atomic_store_explicit(&fired, name, memory_order_relaxed);
	return true;
}

bool
sync_skipped_hit(const char *site)
{
	const char *list = getenv("DITTOFS_SKIP_SYNC");
	size_t len = strlen(site);

	while (list != NULL && *list != '\0') {
		const char *comma = strchr(list, ',');
		size_t n = comma != NULL ? (size_t)(comma - list) : strlen(list);

		if (n == len && memcmp(list, site, n) == 0)
			return true;
		list = comma != NULL ? comma + 1 : NULL;
	}
	return false;
}
