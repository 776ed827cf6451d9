/*
 * Facts: a vector that is sorted and joined when it is full, and is written behind the others
 * then, a run.  Reading back merges the runs by a heap, each with a part of the vector's memory.
 */
#include "pipeline/sync/facts.h"

#include "pipeline/base/file.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST = 64, KEY_BYTES = 1 + FACT_ID };

struct run {
	uint64_t at, end;		/* facts in the file, not read yet */
	uint32_t from, n, next, cap;	/* and its part of the vector */
};

struct facts {
	char dir[1024];
	int fd;				/* -1: all is in memory */
	enum status failed;
	struct fact *v;
	size_t n, cap;
	uint64_t written;		/* facts in the file */
	struct run *runs;
	size_t nruns, runs_cap;
	size_t *heap;			/* of runs; the one with the least fact first */
	size_t nheap;
};

struct facts *
facts_new(const char *dir, size_t bytes)
{
	struct facts *f = xcalloc(1, sizeof *f);
	struct text t = text_of(f->dir, sizeof f->dir);

	text_add(&t, dir);
	f->fd = -1;
	f->cap = MAX(bytes / sizeof *f->v, (size_t)LEAST);
	f->v = xmalloc(f->cap * sizeof *f->v);
	return f;
}

void
facts_free(struct facts **fp)
{
	struct facts *f = TAKE(fp);

	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->v);
	free(f->runs);
	free(f->heap);
	free(f);
}

static int
order(const void *a, const void *b)
{
	return memcmp(a, b, KEY_BYTES);
}

static void
join(struct fact *into, const struct fact *more)
{
	into->is |= more->is;
	into->whom = MAX(into->whom, more->whom);
	for (int i = 0; i < FACT_SUMS; i++)
		into->n[i] = (int64_t)((uint64_t)into->n[i] + (uint64_t)more->n[i]);
}

static void
sort(struct facts *f)
{
	size_t kept = 0;

	qsort(f->v, f->n, sizeof *f->v, order);
	for (size_t i = 1; i < f->n; i++) {
		if (order(&f->v[kept], &f->v[i]) == 0)
			join(&f->v[kept], &f->v[i]);
		else
			f->v[++kept] = f->v[i];
	}
	f->n = f->n == 0 ? 0 : kept + 1;
}

/* A file that nobody else finds and that goes with us, whatever ends us. */
static int
temporary(const char *dir)
{
	char path[1100];
	struct text t = text_of(path, sizeof path);
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	text_addf(&t, "%s/fsck-XXXXXX", dir);
	fd = t.cut ? -1 : mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static enum status
spill(struct facts *f)
{
	enum status st;

	sort(f);
	if (f->fd < 0 && (f->fd = temporary(f->dir)) < 0)
		return status_of_errno(errno);
	if (f->nruns == f->runs_cap) {
		f->runs_cap = MAX((size_t)16, f->runs_cap * 2);
		f->runs = xrealloc(f->runs, f->runs_cap * sizeof *f->runs);
	}
	st = file_write_all(f->fd, f->v, f->n * sizeof *f->v, FILE_BEHIND);
	f->runs[f->nruns++] = (struct run){ .at = f->written, .end = f->written + f->n };
	f->written += f->n;
	f->n = 0;
	return st;
}

void
facts_add(struct facts *f, const struct fact *one)
{
	if (f->failed != OK)
		return;
	if (f->n == f->cap) {		/* what was joined makes room as well */
		sort(f);
		if (f->n > f->cap / 2)
			f->failed = spill(f);
	}
	if (f->failed == OK)
		f->v[f->n++] = *one;
}

/* --- reading back --- */

static enum status
refill(struct facts *f, struct run *r)
{
	size_t want = (size_t)MIN((uint64_t)r->cap, r->end - r->at) * sizeof *f->v, got = 0;
	uint8_t *to = (uint8_t *)&f->v[r->from];

	while (got < want) {
		ssize_t n = pread(f->fd, to + got, want - got,
		    (off_t)(r->at * sizeof *f->v + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? status_of_errno(errno) : ST_IO;
		got += (size_t)n;
	}
	r->n = (uint32_t)(want / sizeof *f->v);
	r->next = 0;
	r->at += r->n;
	return OK;
}

static const struct fact *
head_of(const struct facts *f, size_t heap_at)
{
	const struct run *r = &f->runs[f->heap[heap_at]];

	return &f->v[r->from + r->next];
}

static void
sink(struct facts *f, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1;

		for (size_t c = child; c < child + 2 && c < f->nheap; c++)
			if (order(head_of(f, c), head_of(f, least)) < 0)
				least = c;
		if (least == at)
			return;
		size_t was = f->heap[at];

		f->heap[at] = f->heap[least];
		f->heap[least] = was;
		at = least;
	}
}

enum status
facts_begin(struct facts *f)
{
	enum status st = f->failed;
	uint32_t each;

	if (st != OK || f->nruns == 0) {
		sort(f);
		f->written = 0;		/* from now on: the next to be read */
		return st;
	}
	if (f->n > 0)
		st = spill(f);
	each = (uint32_t)MIN(f->cap / f->nruns, (size_t)UINT32_MAX);
	if (each < LEAST) {
		each = LEAST;
		f->cap = f->nruns * LEAST;
		f->v = xrealloc(f->v, f->cap * sizeof *f->v);
	}
	f->heap = xcalloc(f->nruns, sizeof *f->heap);
	for (size_t i = 0; i < f->nruns && st == OK; i++) {
		f->runs[i].cap = each;
		f->runs[i].from = (uint32_t)i * each;
		st = refill(f, &f->runs[i]);
		f->heap[f->nheap++] = i;
	}
	for (size_t i = f->nheap; i-- > 0 && st == OK;)
		sink(f, i);
	return st;
}

/* The least of all runs; its run goes on, or is over. */
static enum status
take(struct facts *f, struct fact *out)
{
	struct run *r = &f->runs[f->heap[0]];
	enum status st = OK;

	*out = *head_of(f, 0);
	r->next++;
	if (r->next == r->n && r->at < r->end)
		st = refill(f, r);
	else if (r->next == r->n)
		f->heap[0] = f->heap[--f->nheap];
	if (st == OK && f->nheap > 0)
		sink(f, 0);
	return st;
}

enum status
facts_next(struct facts *f, struct fact *out, bool *over)
{
	enum status st;

	if (f->nruns == 0) {
		*over = f->written == f->n;
		if (!*over)
			*out = f->v[f->written++];
		return OK;
	}
	*over = f->nheap == 0;
	if (*over)
		return OK;
	st = take(f, out);
	while (st == OK && f->nheap > 0 && order(head_of(f, 0), out) == 0) {
		struct fact more;

		st = take(f, &more);
		if (st == OK)
			join(out, &more);
	}
	return st;
}
