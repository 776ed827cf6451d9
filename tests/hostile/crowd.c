/*
 * Half-open and slow connections: some say nothing, some stop within a record's mark, some within
 * its header or body, some send a byte now and then.
 */
#include "tests/hostile/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FILES_KEPT = 100, A_SOURCE = 200, GREEDY = 249, GREEDY_MS = 1000 };

static int *fds;
static unsigned nfds;

/* The most descriptors that this process may have. */
static unsigned
files_max(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1024;
	r.rlim_cur = r.rlim_max;
	(void)!setrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur > 1u << 20 ? 1u << 20 : (unsigned)r.rlim_cur;
}

/* Less than a message, of the i-th kind. */
static bool
begin(int fd, unsigned i)
{
	static const uint8_t half[64] = { 0x80, 0, 4, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 2,
		0, 1, 0x86, 0xa3, 0, 0, 0, 3 };
	static const size_t lens[] = { 0, 1, 3, 4, 12, 24, 64 };

	return wire_send(fd, half, lens[i % (sizeof lens / sizeof *lens)]);
}

void
crowd_open(const struct target *t, unsigned n, struct crowd_figures *f)
{
	unsigned most = files_max();

	*f = (struct crowd_figures){ .asked = n };
	if (n > most - FILES_KEPT)
		n = most - FILES_KEPT;
	fds = calloc(n, sizeof *fds);
	if (fds == NULL)
		return;
	for (unsigned i = 0; i < n; i++) {
		int fd = wire_dial(t, (int)(i / A_SOURCE));

		if (fd < 0 || !begin(fd, i)) {
			f->refused++;
			if (fd >= 0)
				close(fd);
			continue;
		}
		fds[nfds++] = fd;
	}
	for (unsigned i = 0; i < nfds; i++)
		f->refused += wire_closed(fds[i]);
	f->open = n - f->refused;
}

void
crowd_dribble(unsigned n)
{
	static unsigned at;

	for (unsigned i = 0; i < n && nfds > 0; i++)
		(void)!wire_send(fds[at++ % nfds], "\0", 1);
}

void
crowd_close(struct crowd_figures *f)
{
	for (unsigned i = 0; i < nfds; i++) {
		f->kept += !wire_closed(fds[i]);
		close(fds[i]);
	}
	free(fds);
	fds = NULL;
	nfds = 0;
}

unsigned
crowd_greedy(const struct target *t, unsigned n)
{
	int *v = calloc(n, sizeof *v);
	unsigned open = 0;

	for (unsigned i = 0; v != NULL && i < n; i++)
		v[i] = wire_dial(t, GREEDY);
	nanosleep(&(struct timespec){ .tv_sec = GREEDY_MS / 1000 }, NULL);
	for (unsigned i = 0; v != NULL && i < n; i++) {
		if (v[i] < 0)
			continue;
		open += !wire_closed(v[i]);
		close(v[i]);
	}
	free(v);
	return open;
}
