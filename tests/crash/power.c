/*
 * crash_power - what a disk may hold after the power went at some moment of a recorded run.
 *
 * usage: crash_power RECORD ROOT-INODE SEED COUNT [early|torn|TIMES]
 *                                      for each line on standard input, an empty folder: build the
 *                                      next image there
 *        crash_power RECORD            count what was recorded
 *
 * Of a file all is there that was written before a sync of it that had returned; each later write
 * is there, or not, or torn at 512 bytes.  Of a folder all names are there that it had when a sync
 * of it began; each later change of a name was done or not.  Where another's database lies (a
 * folder named leveldb) names change in order, as they do on every file system with a journal of
 * its own: that database counts on it.
 *
 * The seeds SEED to SEED + COUNT - 1 choose each a moment and what is lost; half of the moments are
 * among the times of the file TIMES, one a line (CLOCK_MONOTONIC, ns), where it is given.  Images
 * come in the order of their moments, so that the recording is gone through once: a child of this
 * process loses what is to be lost and writes the rest.  For each: its seed, the moment's time and
 * how it was chosen.
 */
#include "tests/crash/power_record.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = 512, BLOCK = 1 << 16, NAME_CAP = 256, BUCKETS = 4096, FILE_MAX = 1 << 30,
	EARLY = 256 };

struct change {				/* of a file or a folder, not yet on disk for sure */
	const struct power_event *e;
	uint64_t index;
	struct object *object;		/* of a MADE or LINK */
	const char *name;
};

struct name {
	char text[NAME_CAP];
	struct object *object;
};

struct object {
	struct object *next;		/* of its bucket */
	uint64_t ino;
	bool folder, in_order;
	uint8_t *bytes;			/* of a file: reserved, FILE_MAX */
	uint64_t size;
	uint8_t *touched;		/* one a BLOCK */
	struct name *names;		/* of a folder */
	size_t nnames, names_cap;
	struct change *pending;
	size_t npending, pending_cap;
};

enum loss { LOSE_ALL, LOSE_NONE, LOSE_SOME, LOSE_OLD, LOSE_NEW, TEAR, LOSSES };
static const char *const loss_names[LOSSES + 1] = { "all", "none", "some", "older", "newer", "torn",
	"one way here, another there" };

static struct object *buckets[BUCKETS];
static uint64_t chance;
static enum loss loss;			/* LOSSES: each file and folder its own */

static void *
must(void *p)
{
	if (p == NULL || p == MAP_FAILED) {
		perror("crash_power");
		exit(2);
	}
	return p;
}

static uint32_t
dice(uint32_t sides)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (uint32_t)(chance >> 24) % sides;
}

/* --- objects --- */

static struct object *
object_new(uint64_t ino, bool folder)
{
	struct object *o = must(calloc(1, sizeof *o));

	o->ino = ino;
	o->folder = folder;
	o->next = buckets[ino % BUCKETS];
	buckets[ino % BUCKETS] = o;	/* before an older one of that number, whose life is over */
	if (!folder) {
		o->bytes = must(mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
		o->touched = must(calloc(1, FILE_MAX / BLOCK));
	}
	return o;
}

static struct object *
object_of(uint64_t ino)
{
	struct object *o = buckets[ino % BUCKETS];

	while (o != NULL && o->ino != ino)
		o = o->next;
	return o;
}

static void
object_push(struct object *o, struct change c)
{
	if (o->npending == o->pending_cap) {
		o->pending_cap = o->pending_cap == 0 ? 16 : o->pending_cap * 2;
		o->pending = must(realloc(o->pending, o->pending_cap * sizeof *o->pending));
	}
	o->pending[o->npending++] = c;
}

/* --- a file's bytes --- */

static void
file_put(struct object *o, const struct power_event *e, uint64_t from, uint64_t len)
{
	uint64_t at = e->at + from;

	if (at + len > FILE_MAX) {
		fprintf(stderr, "crash_power: a file of more than %d bytes\n", FILE_MAX);
		exit(2);
	}
	for (uint64_t b = at / BLOCK; len > 0 && b <= (at + len - 1) / BLOCK; b++) {
		if (o->touched[b] == 0 && e->kind == POWER_ZEROES)
			continue;
		o->touched[b] = 1;
	}
	if (e->kind == POWER_WRITE)
		memcpy(o->bytes + at, (const uint8_t *)(e + 1) + from, len);
	else
		for (uint64_t i = at, n; i < at + len; i += n) {
			n = BLOCK - i % BLOCK < at + len - i ? BLOCK - i % BLOCK : at + len - i;
			if (o->touched[i / BLOCK])
				memset(o->bytes + i, 0, n);
		}
	if (at + len > o->size)
		o->size = at + len;
}

static void
file_do(struct object *o, const struct power_event *e)
{
	if (e->kind != POWER_SIZE) {
		file_put(o, e, 0, e->len);
		return;
	}
	for (uint64_t i = e->at; i < o->size;) {
		uint64_t n = BLOCK - i % BLOCK;

		if (o->touched[i / BLOCK])
			memset(o->bytes + i, 0, n);
		i += n;
	}
	o->size = e->at;
}

/* Some of its sectors, and the file as long as if all of it were there. */
static void
file_tear(struct object *o, const struct power_event *e)
{
	uint32_t how = dice(3), some;
	uint64_t cut;

	if (e->kind == POWER_SIZE) {
		file_do(o, e);
		return;
	}
	some = (uint32_t)(e->len / SECTOR + 1);
	cut = (uint64_t)dice(some) * SECTOR;
	if (e->at + e->len > o->size && e->at + e->len <= FILE_MAX)
		o->size = e->at + e->len;
	for (uint64_t from = 0, n; from < e->len; from += n) {
		n = SECTOR - (e->at + from) % SECTOR;
		if (n > e->len - from)
			n = e->len - from;
		if (how == 0 ? from < cut : how == 1 ? from >= cut : dice(2) == 0)
			file_put(o, e, from, n);
	}
}

/* --- a folder's names --- */

static struct object *
folder_find(const struct object *f, const char *name)
{
	for (size_t i = 0; i < f->nnames; i++)
		if (strcmp(f->names[i].text, name) == 0)
			return f->names[i].object;
	return NULL;
}

static void
folder_remove(struct object *f, const char *name)
{
	for (size_t i = 0; i < f->nnames; i++)
		if (strcmp(f->names[i].text, name) == 0) {
			f->names[i] = f->names[--f->nnames];
			return;
		}
}

static void
folder_set(struct object *f, const char *name, struct object *o)
{
	folder_remove(f, name);
	if (f->nnames == f->names_cap) {
		f->names_cap = f->names_cap == 0 ? 16 : f->names_cap * 2;
		f->names = must(realloc(f->names, f->names_cap * sizeof *f->names));
	}
	snprintf(f->names[f->nnames].text, NAME_CAP, "%s", name);
	f->names[f->nnames++].object = o;
}

static void
folder_do(struct object *f, const struct change *c)
{
	if (c->e->kind == POWER_UNLINK)
		folder_remove(f, c->name);
	else
		folder_set(f, c->name, c->object);
	if (c->e->kind == POWER_RENAME)		/* within one folder: both names at once */
		folder_remove(f, (const char *)(c->e + 1));
}

/* --- events --- */

/* The name that an event gives or takes, ended. */
static const char *
name_of(const struct power_event *e)
{
	char *copy = must(calloc(1, e->bytes + 1));
	const char *name;

	memcpy(copy, e + 1, e->bytes);
	name = e->kind == POWER_RENAME ? copy + strlen(copy) + 1 : copy;
	return name;
}

/* What a name means just now, all changes done. */
static struct object *
folder_now(const struct object *f, const char *name)
{
	for (size_t i = f->npending; i-- > 0;) {
		const struct change *c = &f->pending[i];

		if (strcmp(c->name, name) == 0)
			return c->object;
		if (c->e->kind == POWER_RENAME && strcmp((const char *)(c->e + 1), name) == 0)
			return NULL;
	}
	return folder_find(f, name);
}

static void
take_name(const struct power_event *e, uint64_t index)
{
	struct object *f = object_of(e->kind == POWER_RENAME ? e->folder2 : e->folder), *o = NULL;
	const char *name = name_of(e);

	if (f == NULL || !f->folder)
		return;
	if (e->kind == POWER_MADE_FILE || e->kind == POWER_MADE_FOLDER) {
		o = object_new(e->ino, e->kind == POWER_MADE_FOLDER);
		o->in_order = o->folder && strcmp(name, "leveldb") == 0;
	} else if (e->kind == POWER_LINK) {
		o = object_of(e->ino);
	} else if (e->kind == POWER_RENAME) {
		if (e->folder != e->folder2) {
			fprintf(stderr, "crash_power: a rename between two folders\n");
			exit(2);
		}
		o = folder_now(f, (const char *)(e + 1));
	}
	if (o != NULL || e->kind == POWER_UNLINK)
		object_push(f, (struct change){ e, index, o, name });
}

/* All that was written down before index is on disk. */
static void
settle(struct object *o, uint64_t index)
{
	size_t n = 0;

	for (; n < o->npending && o->pending[n].index < index; n++)
		if (o->folder)
			folder_do(o, &o->pending[n]);
		else
			file_do(o, o->pending[n].e);
	o->npending -= n;
	memmove(o->pending, o->pending + n, o->npending * sizeof *o->pending);
}

struct run {
	const struct power_event **v;
	uint64_t n, cap;
};

static void
take_sync(const struct run *run, uint64_t end)
{
	const struct power_event *e = run->v[end];
	struct object *o = object_of(e->ino);

	for (uint64_t i = end; o != NULL && i-- > 0;)
		if (run->v[i]->kind == POWER_SYNC_BEGIN && run->v[i]->at == e->at) {
			settle(o, i);
			return;
		}
}

static void
take(const struct run *run, uint64_t i)
{
	const struct power_event *e = run->v[i];
	struct object *o;

	switch ((enum power_kind)e->kind) {
	case POWER_MADE_FILE:
	case POWER_MADE_FOLDER:
	case POWER_LINK:
	case POWER_RENAME:
	case POWER_UNLINK:
		take_name(e, i);
		return;
	case POWER_WRITE:
	case POWER_ZEROES:
	case POWER_SIZE:
		if ((o = object_of(e->ino)) != NULL && !o->folder)
			object_push(o, (struct change){ e, i, NULL, "" });
		return;
	case POWER_SYNC_END:
		take_sync(run, i);
		return;
	case POWER_SYNC_BEGIN:
	case POWER_STARTED:
	case POWER_KINDS:
		return;
	}
}

static struct run
run_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct run r = { 0 };
	const uint8_t *p, *end;
	struct stat sb;

	if (fd < 0 || fstat(fd, &sb) != 0 || sb.st_size == 0) {
		fprintf(stderr, "crash_power: no recording %s\n", path);
		exit(2);
	}
	p = must(mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0));
	end = p + sb.st_size;
	while ((size_t)(end - p) >= sizeof(struct power_event)) {
		const struct power_event *e = (const void *)p;
		size_t all = sizeof *e + ((e->bytes + 7u) & ~7u);

		if (e->magic != POWER_MAGIC || all > (size_t)(end - p))
			break;		/* the recorded process was killed at its writing */
		if (r.n == r.cap) {
			r.cap = r.cap == 0 ? 4096 : r.cap * 2;
			r.v = must(realloc(r.v, r.cap * sizeof *r.v));
		}
		r.v[r.n++] = e;
		p += all;
	}
	close(fd);
	return r;
}

/* --- the image --- */

/* Is the i-th of n changes there? */
static bool
is_kept(enum loss how, size_t i, size_t n)
{
	switch (how) {
	case LOSE_ALL: return false;
	case LOSE_NONE: return true;
	case LOSE_SOME: return dice(2) == 0;
	case LOSE_OLD: return i >= n / 2;
	case LOSE_NEW: return i < n / 2;
	case TEAR: return dice(4) != 0;
	case LOSSES: break;
	}
	return false;
}

static void
lose(struct object *o)
{
	size_t n = o->npending, upto = dice((uint32_t)n + 1);
	enum loss how = loss == LOSSES ? (enum loss)dice(LOSSES) : loss;

	if (how == LOSE_ALL || how == LOSE_NONE)
		upto = how == LOSE_NONE ? n : 0;
	for (size_t i = 0; i < n; i++) {
		if (o->in_order ? i >= upto : !is_kept(how, i, n))
			continue;
		if (o->folder)
			folder_do(o, &o->pending[i]);
		else if (how == TEAR && dice(2) == 0)
			file_tear(o, o->pending[i].e);
		else
			file_do(o, o->pending[i].e);
	}
}

static void
file_make(const struct object *o, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)o->size) != 0) {
		perror(name);
		exit(2);
	}
	for (uint64_t at = 0; at < o->size; at += BLOCK) {
		uint64_t n = o->size - at < BLOCK ? o->size - at : BLOCK;

		if (o->touched[at / BLOCK] && pwrite(fd, o->bytes + at, n, (off_t)at) !=
		    (ssize_t)n) {
			perror(name);
			exit(2);
		}
	}
	close(fd);
}

static void
folder_make(const struct object *f, int dirfd, int depth)
{
	for (size_t i = 0; i < f->nnames && depth < 8; i++) {
		const char *name = f->names[i].text;
		int fd;

		if (!f->names[i].object->folder) {
			file_make(f->names[i].object, dirfd, name);
			continue;
		}
		if (mkdirat(dirfd, name, 0700) != 0 ||
		    (fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
			perror(name);
			exit(2);
		}
		folder_make(f->names[i].object, fd, depth + 1);
		close(fd);
	}
}

/* --- which images --- */

struct plan {
	uint64_t seed, chance, moment, time_ns;
	enum loss loss;
};

/* Soon after one of the processes began: what is done once is done then. */
static uint64_t
early(const struct run *run)
{
	uint64_t starts[16];
	uint32_t n = 0;

	for (uint64_t i = 0; i < run->n && n < 16; i++)
		if (run->v[i]->kind == POWER_STARTED)
			starts[n++] = i;
	if (n == 0)
		return 1;
	return starts[dice(n)] + 1 + dice(1 + dice(EARLY));
}

/* A moment: anywhere, or about the end of a sync, or about a change of names, or early. */
static uint64_t
choose(const struct run *run, bool always_early)
{
	uint64_t at = 1 + (uint64_t)dice((uint32_t)run->n);
	uint32_t what = always_early ? 4 : dice(5);

	if (what == 4)
		at = early(run);
	for (uint64_t i = at; (what == 1 || what == 2) && i < run->n; i++) {
		uint32_t kind = run->v[i]->kind;

		if (what == 1 ? kind <= POWER_UNLINK : kind == POWER_SYNC_END)
			return i + dice(2);
	}
	return at < run->n ? at : run->n;
}

struct times {
	uint64_t *v;
	uint32_t n;
};

static struct times
times_read(const char *path)
{
	FILE *f = fopen(path, "r");
	struct times t = { 0 };
	unsigned long long one;

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while (fscanf(f, "%llu", &one) == 1) {
		t.v = must(realloc(t.v, (t.n + 1) * sizeof *t.v));
		t.v[t.n++] = one;
	}
	fclose(f);
	return t;
}

/* At one of those times: what was recorded until then. */
static void
choose_time(const struct run *run, const struct times *t, struct plan *p)
{
	uint64_t low = 0, high = run->n;

	p->time_ns = t->v[dice(t->n)];
	while (low < high) {
		uint64_t at = low + (high - low) / 2;

		if (run->v[at]->time_ns <= p->time_ns)
			low = at + 1;
		else
			high = at;
	}
	p->moment = low;
}

static int
by_moment(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;

	return (x->moment > y->moment) - (x->moment < y->moment);
}

static struct plan *
plans_make(const struct run *run, uint64_t seed, uint64_t count, const char *only)
{
	bool early_only = strcmp(only, "early") == 0, torn_only = strcmp(only, "torn") == 0;
	struct plan *v = must(calloc(count, sizeof *v));
	struct times t = { 0 };

	if (*only != '\0' && !early_only && !torn_only)
		t = times_read(only);

	for (uint64_t i = 0; i < count; i++) {
		chance = (seed + i + 1) * 0x9e3779b97f4a7c15ull;
		for (int k = 0; k < 8; k++)
			dice(2);
		v[i].seed = seed + i;
		v[i].loss = (enum loss)dice(LOSSES + 1);
		if (torn_only)
			v[i].loss = TEAR;
		if (t.n > 0 && dice(2) == 0)
			choose_time(run, &t, &v[i]);
		else
			v[i].moment = choose(run, early_only);
		v[i].chance = chance;
	}
	free(t.v);
	qsort(v, count, sizeof *v, by_moment);
	return v;
}

/* In a process of its own, which may lose what it likes. */
static bool
build(const struct plan *p, const struct object *root, const char *folder)
{
	pid_t child = fork();
	int fd, status = 0;

	if (child < 0)
		return false;
	if (child > 0)
		return waitpid(child, &status, 0) == child && status == 0;
	chance = p->chance;
	loss = p->loss;
	for (int b = 0; b < BUCKETS; b++)
		for (struct object *o = buckets[b]; o != NULL; o = o->next)
			lose(o);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		perror(folder);
		_exit(2);
	}
	folder_make(root, fd, 0);
	_exit(0);
}

static int
build_all(const struct run *run, const struct object *root, const struct plan *v, uint64_t count)
{
	char folder[4096];
	uint64_t at = 0;

	for (uint64_t i = 0; i < count && fgets(folder, sizeof folder, stdin) != NULL; i++) {
		folder[strcspn(folder, "\n")] = '\0';
		while (at < v[i].moment)
			take(run, at++);
		if (!build(&v[i], root, folder))
			return 2;
		printf("%llu %llu event %llu of %llu, lost: %s\n", (unsigned long long)v[i].seed,
		    (unsigned long long)(v[i].time_ns > 0 ? v[i].time_ns :
		    at > 0 ? run->v[at - 1]->time_ns : 0),
		    (unsigned long long)at, (unsigned long long)run->n, loss_names[v[i].loss]);
		fflush(stdout);
	}
	return 0;
}

static void
count_all(const struct run *run)
{
	uint64_t n[POWER_KINDS] = { 0 }, zeroes = 0, bytes = 0, names = 0;

	for (uint64_t i = 0; i < run->n; i++) {
		const struct power_event *e = run->v[i];

		n[e->kind < POWER_KINDS ? e->kind : 0]++;
		zeroes += e->kind == POWER_ZEROES ? e->len : 0;
		bytes += e->kind == POWER_WRITE ? e->len : 0;
		names += e->kind <= POWER_UNLINK;
	}
	printf("%llu writes of %llu MiB, %llu MiB zeroed, %llu names changed, %llu syncs\n",
	    (unsigned long long)n[POWER_WRITE], (unsigned long long)(bytes >> 20),
	    (unsigned long long)(zeroes >> 20), (unsigned long long)names,
	    (unsigned long long)n[POWER_SYNC_END]);
}

int
main(int argc, char **argv)
{
	const char *only = argc == 6 ? argv[5] : "";
	struct object *root;
	struct run run;
	uint64_t count;

	if (argc != 2 && argc != 5 && argc != 6) {
		fprintf(stderr, "usage: crash_power record [root-inode seed count "
		    "[early|torn|times]]\n");
		return 2;
	}
	run = run_read(argv[1]);
	if (argc == 2) {
		count_all(&run);
		return 0;
	}
	root = object_new(strtoull(argv[2], NULL, 10), true);
	count = strtoull(argv[4], NULL, 10);
	return build_all(&run, root, plans_make(&run, strtoull(argv[3], NULL, 10), count,
	    only), count);
}
