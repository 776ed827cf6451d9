/* Time, the CPU that was used, and latencies. */
#include "tests/bench/nfsbench/inner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void
die(const char *f, ...)
{
	va_list a;

	va_start(a, f);
	fputs("nfsbench: ", stderr);
	vfprintf(stderr, f, a);
	fputc('\n', stderr);
	va_end(a);
	exit(1);
}

uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double
cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

double
server_cpu(int pid)
{
	DIR *d;
	struct dirent *e;
	double s = 0;

	if (!pid || !(d = opendir("/proc")))
		return 0;
	while ((e = readdir(d))) {
		char p[300], b[512], *q;
		int f, ppid;
		unsigned long u, k;
		ssize_t n;
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(p, sizeof p, "/proc/%s/stat", e->d_name);
		if ((f = open(p, O_RDONLY)) < 0)
			continue;
		n = read(f, b, sizeof b - 1);
		close(f);
		if (n <= 0)
			continue;
		b[n] = 0;
		if (!(q = strrchr(b, ')')))
			continue;
		if (sscanf(q + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ppid, &u,
			&k) != 3)
			continue;
		if (atoi(e->d_name) == pid || ppid == pid)
			s += (double)(u + k) / (double)sysconf(_SC_CLK_TCK);
	}
	closedir(d);
	return s;
}

/* --- latencies --- */

static unsigned
hidx(uint64_t v)
{
	if (v < HSUB)
		return (unsigned)v;
	unsigned e = 63u - (unsigned)__builtin_clzll(v);		/* e >= 5 */
	return (e - 4) * HSUB + (unsigned)((v >> (e - 5)) & (HSUB - 1));
}

static uint64_t
hval(unsigned i)
{
	if (i < HSUB)
		return i;
	unsigned e = i / HSUB + 4;
	return ((uint64_t)HSUB + i % HSUB) << (e - 5);
}

void
hadd(struct hist *h, uint64_t v)
{
	unsigned i = hidx(v);

	if (i >= HN)
		i = HN - 1;
	h->b[i]++;
	h->sum += v;
	if (!h->n || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->n++;
}

double
hq(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)((double)h->n * q), c = 0;

	for (unsigned i = 0; i < HN; i++) {
		c += h->b[i];
		if (c > want)
			return (double)hval(i) / 1000.0;
	}
	return (double)h->max / 1000.0;
}
