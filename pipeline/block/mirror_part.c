/*
 * Containers of which only parts are here: sparse files beside the whole ones, with header and
 * index from the beginning, and the units that were read.  Those of a whole file that is damaged
 * there are written over in the same way.
 */
#include "pipeline/block/mirror.h"

#include "crypto/secret.h"
#include "pipeline/base/text.h"
#include "pipeline/block/disk.h"
#include "pipeline/block/vessel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	struct stat sb;

	if (st == OK && fstat(fd, &sb) < 0)
		st = status_of_errno(errno);
	if (st == OK && (st = ends_write(fd, bytes, e)) == OK)
		atomic_fetch_add_explicit(&m->bytes, bytes - (uint64_t)sb.st_size,
		    memory_order_relaxed);
	return st;
}

static enum status
part_make(struct mirror *m, uint64_t number, uint64_t bytes, const struct mirror_ends *e)
{
	char making[NAME_CAP], name[NAME_CAP];
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
	atomic_fetch_add_explicit(&m->sparse, e->head_len + e->end_len, memory_order_relaxed);
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
	    (st = container_end_bytes(e->end + (e->end_len - CONTAINER_TRAILER), bytes, &need)) != OK)
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
	struct vessel *found;
	enum status st;
	bool part = true;
	int fd;

	if ((st = ends_trim(bytes, &e)) != OK)
		return st;
	fd = vessel_file(m, number, &part);
	st = fd >= 0 && !part ? whole_mend(m, fd, number, bytes, &e) :
	    part_make(m, number, bytes, &e);
	if (fd >= 0)
		close(fd);
	if (st == OK)
		while ((found = vessel_take_out(m, number)) != NULL)	/* as it was before */
			vessel_put(&found);
	return st;
}

enum status
mirror_where(struct mirror *m, uint64_t number, uint32_t index, uint64_t ahead,
    struct mirror_range *range)
{
	struct mirror_range r = { .first = index };
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	if (index >= v->n) {
		vessel_put(&v);
		return ST_CORRUPT;
	}
	r.at = v->rows[index].at;
	do {
		r.len += (uint64_t)v->rows[index + r.n].stored + CONTAINER_TAG;
		r.n++;
	} while (index + r.n < v->n && v->rows[index + r.n].at == r.at + r.len &&
	    r.len + v->rows[index + r.n].stored + CONTAINER_TAG <= ahead);
	vessel_put(&v);
	*range = r;
	return OK;
}

/* All units of a range against their tags, in a copy: opening changes what is sealed.  The first
 * one is given. */
static enum status
range_open(const struct vessel *v, const struct mirror_range *r, const uint8_t *bytes, uint8_t *to)
{
	uint8_t *copy = xmalloc(r->len), *plain = xmalloc(CONTAINER_UNIT);
	enum status st = OK;

	memcpy(copy, bytes, r->len);
	for (uint32_t i = r->first; i < r->first + r->n && st == OK; i++) {
		const struct container_chunk *row = &v->rows[i];

		st = i >= v->n || row->at < r->at || row->plain > CONTAINER_UNIT ||
		    row->at - r->at + row->stored + CONTAINER_TAG > r->len ? ST_CORRUPT :
		    container_open(&v->ident, &v->keys, i, row, copy + (row->at - r->at), plain);
		if (st == OK && i == r->first)
			memcpy(to, plain, row->plain);
	}
	free(copy);
	free(plain);
	return st;
}

enum status
mirror_fill(struct mirror *m, uint64_t number, const struct mirror_range *range,
    const uint8_t *bytes, const uint8_t digest[32], uint8_t *to, uint32_t len)
{
	const struct container_chunk *first;
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	first = range->first < v->n ? &v->rows[range->first] : NULL;
	if (first == NULL || first->plain != len || memcmp(first->digest, digest, 32) != 0)
		st = ST_CORRUPT;
	if (st == OK)
		st = range_open(v, range, bytes, to);
	if (st == OK)
		st = disk_write(v->fd, bytes, range->len, range->at, "container.part");
	if (st == OK)
		atomic_fetch_add_explicit(&m->sparse, range->len, memory_order_relaxed);
	vessel_put(&v);
	return st;
}

uint64_t
mirror_sparse_bytes(const struct mirror *m)
{
	return atomic_load_explicit(&m->sparse, memory_order_relaxed);
}

/* All files of that ending; what is open of them is let go. */
static void
drop_files(struct mirror *m, const char *ending)
{
	int fd = openat(m->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t number;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		struct vessel *found;

		if (!vessel_number(e->d_name, ending, &number))
			continue;
		unlinkat(m->dirfd, e->d_name, 0);
		while ((found = vessel_take_out(m, number)) != NULL)
			vessel_put(&found);
	}
	if (dir != NULL)
		closedir(dir);
}

void
mirror_sparse_drop(struct mirror *m)
{
	atomic_store_explicit(&m->sparse, 0, memory_order_relaxed);
	drop_files(m, ".dfp");
}

/* What an earlier life left in the making. */
void
mirror_making_drop(struct mirror *m)
{
	drop_files(m, ".dfm");
}
