/*
 * Threads, and what they leave behind when they end: one key of the thread library
 * carries the list of all who asked.
 */
#include "pipeline/base/thread.h"

#include "pipeline/base/panic.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static pthread_key_t end_key;
static cpu_set_t cores, cores_but_one;
static bool one_core;
static _Thread_local struct thread_end *ends;

static void
run_ends(void *unused)
{
	(void)unused;
	while (ends != NULL) {
		struct thread_end *e = ends;

		ends = e->next;
		e->next = NULL;
		e->run();
	}
}

__attribute__((constructor)) static void
make_key(void)
{
	if (pthread_key_create(&end_key, run_ends) != 0)
		panic("no key for the ends of threads");
}

/* Now, for what a thread starts later has its own cores to begin with. */
__attribute__((constructor)) static void
look_at_cores(void)
{
	int first = 0;

	one_core = sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 2;
	if (one_core)
		return;
	while (!CPU_ISSET(first, &cores))
		first++;
	cores_but_one = cores;
	CPU_CLR(first, &cores_but_one);
}

void
thread_at_end(struct thread_end *e, void (*run)(void))
{
	e->run = run;
	e->next = ends;
	ends = e;
	if (pthread_setspecific(end_key, &end_key) != 0)
		panic("no memory for the end of a thread");
}

static void *
body(void *arg)
{
	struct thread *t = arg;

	pthread_setname_np(pthread_self(), t->name);
	if (t->nice != 0)	/* without the right to be less nice it stays as it is */
		setpriority(PRIO_PROCESS, (id_t)gettid(), t->nice);
	t->run(t->arg);
	return NULL;
}

void
thread_start(struct thread *t, const char *name, int nice, void (*run)(void *arg),
    void *arg)
{
	sigset_t all, before;
	int err;

	assert(strlen(name) < sizeof t->name);
	memset(t, 0, sizeof *t);
	memcpy(t->name, name, strlen(name));
	t->run = run;
	t->arg = arg;
	t->nice = nice;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&t->id, NULL, body, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		panic("no thread %s, errno %d", name, err);
}

void
thread_join(struct thread *t)
{
	int err = pthread_join(t->id, NULL);

	if (err != 0)
		panic("thread %s cannot be joined, errno %d", t->name, err);
}

void
thread_leave_core(struct thread *t, bool leave)
{
	if (!one_core)
		(void)pthread_setaffinity_np(t->id, sizeof cores, leave ? &cores_but_one : &cores);
}
