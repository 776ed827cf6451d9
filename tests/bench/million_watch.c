/*
 * What /proc says of the server: resident memory in all, its own and mapped files' part, the most
 * there ever was, and processor time.
 */
#include "tests/bench/million.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_t thread;
	pthread_mutex_t mutex;
	struct watched most;
	pid_t pid;
	_Atomic bool stop;
} watch = { .mutex = PTHREAD_MUTEX_INITIALIZER };

double
watch_clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* User and system time: fields 14 and 15, counted behind the name, which may hold anything. */
static double
cpu_of(pid_t pid)
{
	unsigned long long user = 0, system = 0;
	char path[64], line[1024], *at;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	at = fgets(line, sizeof line, f);
	fclose(f);
	at = at == NULL ? NULL : strrchr(line, ')');
	for (int field = 2; at != NULL && field < 14; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return 0;
	user = strtoull(at, &at, 10);
	system = strtoull(at, NULL, 10);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct watched
watch_now(pid_t pid)
{
	struct watched w = { .cpu_s = cpu_of(pid) };
	const struct { const char *name; uint64_t *to; } rows[] = {
		{ "VmRSS:", &w.rss_kb }, { "VmHWM:", &w.hwm_kb }, { "RssAnon:", &w.anon_kb },
		{ "RssFile:", &w.file_kb },
	};
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (strncmp(line, rows[i].name, strlen(rows[i].name)) == 0)
				*rows[i].to = strtoull(line + strlen(rows[i].name), NULL, 10);
	if (f != NULL)
		fclose(f);
	return w;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void *
run(void *arg)
{
	(void)arg;
	while (!atomic_load(&watch.stop)) {
		struct watched now = watch_now(watch.pid);

		pthread_mutex_lock(&watch.mutex);
		watch.most.rss_kb = larger(watch.most.rss_kb, now.rss_kb);
		watch.most.hwm_kb = larger(watch.most.hwm_kb, now.hwm_kb);
		watch.most.anon_kb = larger(watch.most.anon_kb, now.anon_kb);
		watch.most.file_kb = larger(watch.most.file_kb, now.file_kb);
		pthread_mutex_unlock(&watch.mutex);
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	return NULL;
}

void
watch_begin(pid_t pid)
{
	watch.pid = pid;
	if (pthread_create(&watch.thread, NULL, run, NULL) != 0)
		million_fail("thread", NFS_LOST);
}

struct watched
watch_most(void)
{
	struct watched most;

	pthread_mutex_lock(&watch.mutex);
	most = watch.most;
	watch.most = (struct watched){ 0 };
	pthread_mutex_unlock(&watch.mutex);
	return most;
}

void
watch_end(void)
{
	atomic_store(&watch.stop, true);
	pthread_join(watch.thread, NULL);
}
