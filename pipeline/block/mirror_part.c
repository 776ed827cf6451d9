/*
 * Containers of which only parts are here: sparse files beside the whole ones, with header and
 * index from the beginning, and the units that were read.  Nothing of them is synced: what a crash
 * leaves is as good as its tags.  Header and index of a whole file that is damaged there are
 * written over in the same way.
 */
#include "pipeline/block/mirror.h"

#include "crypto/secret.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/block/disk.h"
#include "pipeline/block/vessel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNCAPPED_BYTES (2ull << 30)	/* what parts take of a share without a cap */

enum { LITTLE = 64 << 10 };		/* a part of so much is hardly more than its index */

void
vessel_part_name(char name[NAME_CAP], uint64_t number)
{
	struct text t = text_of(name, NAME_CAP);

	text_addf(&t, "%016llx.dfp", (unsigned long long)number);
}

void
vessel_making_name(char name[NAME_CAP], uint64_t number)
{
	struct text t = text_of(name, NAME_CAP);

	text_addf(&t, "%016llx.dfm", (unsigned long long)number);
}

/* Do header and index say, by the index's tag, that they are this container's? */
static enum status
ends_check(struct mirror *m, uint64_t number, uint64_t bytes, const struct mirror_ends *e)
{
	uint32_t max = (uint32_t)(e->end_len / CONTAINER_ROW), n;
	struct container_chunk *rows;
	struct container_head head;
	struct container_keys keys;
	enum status st;

	if ((st = container_header_parse(e->head, bytes, &head)) != OK)
		return st;
	if (head.ident.number != number ||
	    memcmp(head.ident.share_id, m->ident.share_id, 16) != 0)
		return ST_CORRUPT;
	if ((st = vessel_keys(m, &head, e->head + CONTAINER_HEADER, &keys)) != OK)
		return st;
	rows = xcalloc(max + 1, sizeof *rows);
	st = container_index_parse(&head.ident, &keys, e->end, e->end_len, bytes, rows, max, &n);
	secret_wipe(&keys, sizeof keys);
	free(rows);
	return st;
}

static enum status
ends_write(int fd, uint64_t bytes, const struct mirror_ends *e)
{
	enum status st = ftruncate(fd, (off_t)bytes) == 0 ? OK : status_of_errno(errno);

	if (st == OK)
		st = disk_write(fd, e->head, e->head_len, 0, "container.part");
	return st != OK ? st :
	    disk_write(fd, e->end, e->end_len, bytes - e->end_len, "container.part");
}

/*
 * The whole file is here, and its header or index damaged: they are written over, so that its good
 * units are found again.  What is written was checked, since it may be the only copy that is here.
 */
static enum status
whole_mend(struct mirror *m, int fd, uint64_t number, uint64_t bytes, const struct mirror_ends *e)
{
	enum status st = ends_check(m, number, bytes, e);
	struct vessel *found;
	struct stat sb;

	if (st == OK && fstat(fd, &sb) < 0)
		st = status_of_errno(errno);
	if (st != OK || (st = ends_write(fd, bytes, e)) != OK)
		return st;
	atomic_fetch_add_explicit(&m->bytes, bytes - (uint64_t)sb.st_size, memory_order_relaxed);
	while ((found = vessel_take_out(m, number)) != NULL)	/* as it was before */
		vessel_put(&found);
	return OK;
}

enum status
vessel_part_make(struct mirror *m, uint64_t number, uint64_t bytes, const struct mirror_ends *e)
{
	char making[NAME_CAP], name[NAME_CAP];
	struct vessel *found;
	enum status st;
	int fd;

	vessel_making_name(making, number);
	vessel_part_name(name, number);
	fd = openat(m->dirfd, making, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return status_of_errno(errno);
	st = ends_write(fd, bytes, e);
	close(fd);
	if (st == OK && renameat(m->dirfd, making, m->dirfd, name) < 0)
		st = status_of_errno(errno);
	if (st != OK) {
		unlinkat(m->dirfd, making, 0);
		return st;
	}
	while ((found = vessel_take_out(m, number)) != NULL) /* of the file that was in its place */
		vessel_put(&found);
	return OK;
}

/* Nothing but header, wrapped key and index: pieces of units beside them are not believed. */
static enum status
ends_trim(uint64_t bytes, struct mirror_ends *e)
{
	struct container_head head;
	uint64_t need;
	enum status st;

	if (e->head_len < CONTAINER_HEADER || e->end_len < CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = container_header_parse(e->head, bytes, &head)) != OK ||
	    (st = container_end_bytes(e->end + (e->end_len - CONTAINER_TRAILER), bytes, &need)) !=
		OK)
		return st;
	if (need > e->end_len || CONTAINER_HEADER + head.wrapped_bytes > e->head_len)
		return ST_CORRUPT;
	e->head_len = CONTAINER_HEADER + head.wrapped_bytes;
	e->end += e->end_len - need;
	e->end_len = need;
	return OK;
}

enum status
mirror_ends_put(struct mirror *m, uint64_t number, uint64_t bytes, const struct mirror_ends *ends)
{
	struct mirror_ends e = *ends;
	enum status st;
	bool part = true;
	int fd;

	if ((st = ends_trim(bytes, &e)) != OK)
		return st;
	fd = vessel_file(m, number, &part);
	st = fd >= 0 && !part ? whole_mend(m, fd, number, bytes, &e) :
	    vessel_part_make(m, number, bytes, &e);
	if (fd >= 0)
		close(fd);
	return st;
}

/* --- units --- */

/* Holes are what was never written, or let go of; where the file system cannot tell, all is said
 * to be here, and its tag shows that it is not. */
bool
vessel_has(const struct vessel *v, uint32_t index)
{
	const struct container_chunk *row = &v->rows[index];
	uint64_t end = row->at + row->stored + CONTAINER_TAG;
	off_t data;

	if (!v->part)
		return true;
	data = lseek(v->fd, (off_t)row->at, SEEK_DATA);
	if (data < 0)
		return errno != ENXIO;
	return data == (off_t)row->at && lseek(v->fd, data, SEEK_HOLE) >= (off_t)end;
}

/* What is sealed in a copy: opening changes it, and it is to be kept as it came. */
enum status
vessel_unseal(const struct vessel *v, uint32_t index, uint8_t *stored, uint8_t *copy,
    uint8_t *to)
{
	const struct container_chunk *row = &v->rows[index];

	if (row->stored > CONTAINER_UNIT || row->plain > CONTAINER_UNIT)
		return ST_CORRUPT;
	if (v->keys.aead == 0)
		return container_open(&v->ident, &v->keys, index, row, stored, to);
	memcpy(copy, stored, (size_t)row->stored + CONTAINER_TAG);
	return container_open(&v->ident, &v->keys, index, row, copy, to);
}

enum status
vessel_keep_bytes(struct mirror *m, struct vessel *v, const uint8_t *bytes, uint64_t at,
    uint64_t len)
{
	enum status st = disk_write(v->fd, bytes, len, at, "container.part");

	if (st == OK && v->part)
		atomic_fetch_add_explicit(&m->sparse, len, memory_order_relaxed);
	return st;
}

/* --- what parts take --- */

uint64_t
mirror_sparse_bytes(const struct mirror *m)
{
	return atomic_load_explicit(&m->sparse, memory_order_relaxed);
}

struct part {
	uint64_t number, bytes;
	struct timespec filled;
};

struct parts {
	struct mirror *m;
	struct part *v;
	size_t n, cap;
	uint64_t sum;
};

static bool
see_part(void *arg, uint64_t number, uint64_t bytes)
{
	struct parts *p = arg;
	char name[NAME_CAP];
	struct stat sb;

	vessel_part_name(name, number);
	if (fstatat(p->m->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	if (p->n == p->cap) {
		p->cap = MAX((size_t)64, p->cap * 2);
		p->v = xrealloc(p->v, p->cap * sizeof *p->v);
	}
	p->v[p->n++] = (struct part){ number, bytes, sb.st_mtim };
	p->sum += bytes;
	return true;
}

static int
earlier(const void *a, const void *b)
{
	const struct timespec *x = &((const struct part *)a)->filled;
	const struct timespec *y = &((const struct part *)b)->filled;

	return x->tv_sec != y->tv_sec ? (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec) :
	    (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Its units go, header and index stay; what cannot be punched goes whole.  Returns
 * what it takes. */
static uint64_t
empty_part(struct mirror *m, uint64_t number)
{
	struct vessel *v = NULL;
	char name[NAME_CAP];
	struct stat sb;
	uint64_t end;
	bool punched = false;

	if (vessel_get(m, number, &v) == OK && v->part && v->n > 0) {
		end = v->bytes - CONTAINER_TRAILER - (uint64_t)v->n * CONTAINER_ROW;
		punched = fallocate(v->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    vessel_head_bytes(v), (off_t)(end - vessel_head_bytes(v))) == 0 &&
		    fstat(v->fd, &sb) == 0;
	}
	if (!punched) {
		vessel_part_name(name, number);
		unlinkat(m->dirfd, name, 0);
	}
	if (!punched && v != NULL && v->part) {
		struct vessel *found;

		while ((found = vessel_take_out(m, number)) != NULL)
			vessel_put(&found);
	}
	vessel_put(&v);
	return punched ? (uint64_t)sb.st_blocks * 512 : 0;
}

void
mirror_sparse_trim(struct mirror *m, uint64_t most)
{
	struct parts p = { .m = m };

	if (mirror_walk_parts(m, see_part, &p) != OK) {
		free(p.v);
		return;
	}
	if (p.n > 0)
		qsort(p.v, p.n, sizeof *p.v, earlier);
	for (size_t i = 0; i < p.n && p.sum > most; i++) {
		if (most > 0 && p.v[i].bytes <= LITTLE)
			continue;
		p.sum -= p.v[i].bytes;
		p.sum += empty_part(m, p.v[i].number);
	}
	/* If that is still too much, it is headers and indexes, which are not looked at again. */
	atomic_store_explicit(&m->sparse, MIN(p.sum, most), memory_order_relaxed);
	free(p.v);
}

void
mirror_sparse_fit(struct mirror *m, uint64_t cap, uint64_t more)
{
	uint64_t most = cap != 0 ? cap / 4 : UNCAPPED_BYTES;

	if (mirror_sparse_bytes(m) + more > most)
		mirror_sparse_trim(m, most / 4 * 3);
}

static enum status
drop_making(void *arg, const char *name)
{
	const struct mirror *m = arg;
	uint64_t number;

	if (vessel_number(name, ".dfm", &number) || vessel_number(name, ".dfw", &number))
		unlinkat(m->dirfd, name, 0);
	return OK;
}

/* What an earlier life left in the making; what stays costs room, no more. */
void
mirror_making_drop(struct mirror *m)
{
	(void)!file_list(m->dirfd, drop_making, m);
}

enum status
mirror_index(struct mirror *m, uint64_t number, struct mirror_index *out)
{
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	out->rows = xmalloc(MAX(v->n, 1u) * sizeof *out->rows);
	memcpy(out->rows, v->rows, v->n * sizeof *out->rows);
	out->n = v->n;
	out->key = v->keys.aead == 0 ? 0 : v->keys.version;
	vessel_put(&v);
	return OK;
}
