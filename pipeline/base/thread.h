/*
 * Threads: started with a name, joined by who started them.  Signals are blocked in them, the
 * first thread takes them all.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

struct thread {
	pthread_t id;
	void (*run)(void *arg);
	void *arg;
	int nice;
	char name[16];
};

/* Start run(arg) in a thread of that name (≤ 15 bytes), at that nice value; panics where the
 * system has no more.  t is kept until thread_join. */
void thread_start(struct thread *t, const char *name, int nice, void (*run)(void *arg), void *arg);
void thread_join(struct thread *t);

/*
 * Keep that running thread off one core, always the same of those that the process had at its
 * beginning, or no longer.  Nothing where there is only one, or where it may not be said.
 */
void thread_leave_core(struct thread *t, bool leave);

/* What a thread leaves behind: run() is called in it when it ends. */
struct thread_end {
	struct thread_end *next;
	void (*run)(void);
};

/* Call run when the calling thread ends; e is a thread-local of the caller's file.  The first
 * thread ends with the process, without these calls. */
void thread_at_end(struct thread_end *e, void (*run)(void));

#endif
