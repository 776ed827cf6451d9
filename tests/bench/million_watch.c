/*
 * What /proc says of the server: resident memory in all, its own and mapped files' part, the most
 * there ever was, and processor time.
 */
#include "tests/bench/million.h"

#include <dirent.h>
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

/* Of all threads that live, in seconds: the first figure of schedstat, which is
 * finer than ticks. */
static double
cpu_of(pid_t pid)
{
	char path[300], line[128];
	double ns = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		FILE *f;

		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (f == NULL)
			continue;
		if (fgets(line, sizeof line, f) != NULL)
			ns += strtod(line, NULL);
		fclose(f);
	}
	if (d != NULL)
		closedir(d);
	return ns / 1e9;
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
