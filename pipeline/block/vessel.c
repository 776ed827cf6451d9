/*
 * Open container files.  A few hundred are kept, with their parsed index; who reads holds a
 * reference, so that a file may be deleted or pushed out under a reader.
 */
#include "pipeline/block/vessel.h"

#include "crypto/secret.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"
#include "pipeline/block/pread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_MAX_FILES = 256, NAME_HEX = 16, RANK_NUMBER = 1 << 24 };

/* --- names --- */

void
vessel_whole_name(char name[NAME_CAP], uint64_t number)
{
	struct text t = text_of(name, NAME_CAP);

	text_addf(&t, "%016llx.dfc", (unsigned long long)number);
}

bool
vessel_number(const char *name, const char *ending, uint64_t *number)
{
	uint64_t n = 0;

	if (strlen(name) != NAME_HEX + 4 || strcmp(name + NAME_HEX, ending) != 0)
		return false;
	for (int i = 0; i < NAME_HEX; i++) {
		char c = name[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*number = n;
	return true;
}

/* --- the table --- */

void
vessel_table_open(struct mirror *m)
{
	mutex_init(&m->mutex, RANK_PAGE, RANK_NUMBER);
	list_init(&m->age);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&m->bucket[i]);
}

void
vessel_put(struct vessel **vp)
{
	struct vessel *v = TAKE(vp);

	if (v == NULL || !ref_drop(&v->refs))
		return;
	close(v->fd);
	secret_wipe(&v->keys, sizeof v->keys);
	free(v);
}

/* Out of the table: its reference is the caller's to drop, outside the mutex. */
static struct vessel *
take_out_locked(struct mirror *m, struct vessel *v)
{
	list_remove(&v->bucket);
	list_remove(&v->age);
	m->open--;
	return v;
}

void
vessel_table_close(struct mirror *m)
{
	while (!list_empty(&m->age)) {
		struct vessel *v = take_out_locked(m,
		    container_of(m->age.next, struct vessel, age));

		vessel_put(&v);
	}
	mutex_destroy(&m->mutex);
}

static struct vessel *
find_locked(struct mirror *m, uint64_t number)
{
	LIST_EACH(l, &m->bucket[hash_u64(number) % BUCKETS]) {
		struct vessel *v = container_of(l, struct vessel, bucket);

		if (v->ident.number == number)
			return v;
	}
	return NULL;
}

struct vessel *
vessel_find(struct mirror *m, uint64_t number)
{
	struct vessel *found;

	mutex_lock(&m->mutex);
	found = find_locked(m, number);
	if (found != NULL) {
		ref_take(&found->refs);
		list_remove(&found->age);
		list_push_back(&m->age, &found->age);
	}
	mutex_unlock(&m->mutex);
	return found;
}

/* Into the table; one more or less of the same number does no harm.  Returns who must go. */
static struct vessel *
vessel_keep(struct mirror *m, struct vessel *v)
{
	struct vessel *out = NULL;

	ref_take(&v->refs);
	mutex_lock(&m->mutex);
	if (m->open == OPEN_MAX_FILES)
		out = take_out_locked(m, container_of(m->age.next, struct vessel, age));
	list_push_back(&m->bucket[hash_u64(v->ident.number) % BUCKETS], &v->bucket);
	list_push_back(&m->age, &v->age);
	m->open++;
	mutex_unlock(&m->mutex);
	return out;
}

struct vessel *
vessel_take_out(struct mirror *m, uint64_t number)
{
	struct vessel *found;

	mutex_lock(&m->mutex);
	found = find_locked(m, number);
	if (found != NULL)
		take_out_locked(m, found);
	mutex_unlock(&m->mutex);
	return found;
}

/* --- header and index --- */

/* The keys that open a container: the share's, or its own, which lies behind its header. */
enum status
vessel_keys(struct mirror *m, const struct container_head *head, const uint8_t *wrapped,
    struct container_keys *out)
{
	if (head->aead == 0) {
		*out = m->plain;
		return OK;
	}
	return m->keys == NULL ? ST_NOKEY : keys_container_open(m->keys, head, wrapped, out);
}

static enum status
keys_of(struct mirror *m, int fd, const struct container_head *head, struct container_keys *out)
{
	uint8_t wrapped[CONTAINER_WRAPPED] = { 0 };
	enum status st = head->aead == 0 ? OK :
	    pread_full(fd, wrapped, sizeof wrapped, CONTAINER_HEADER, false);

	return st == OK ? vessel_keys(m, head, wrapped, out) : st;
}

/* Header and index of an open file. */
static enum status
vessel_read(struct mirror *m, int fd, uint64_t number, struct vessel **vp)
{
	uint8_t header[CONTAINER_HEADER], trailer[CONTAINER_TRAILER], *end = NULL;
	struct container_head head;
	struct container_keys keys;
	struct vessel *v = NULL;
	uint64_t end_bytes, bytes;
	struct stat sb;
	enum status st;
	uint32_t rows;

	if (fstat(fd, &sb) < 0)
		return status_of_errno(errno);
	bytes = (uint64_t)sb.st_size;
	if (bytes < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = pread_full(fd, header, sizeof header, 0, false)) != OK ||
	    (st = container_header_parse(header, bytes, &head)) != OK ||
	    (st = pread_full(fd, trailer, sizeof trailer, bytes - sizeof trailer, false)) != OK ||
	    (st = container_end_bytes(trailer, bytes, &end_bytes)) != OK)
		return st;
	if (head.ident.number != number || memcmp(head.ident.share_id, m->ident.share_id, 16) != 0)
		return ST_CORRUPT;
	if ((st = keys_of(m, fd, &head, &keys)) != OK)
		return st;
	rows = (uint32_t)((end_bytes - CONTAINER_TRAILER) / CONTAINER_ROW);
	v = xcalloc(1, sizeof *v + rows * sizeof v->rows[0]);
	end = xmalloc(end_bytes);
	if ((st = pread_full(fd, end, end_bytes, bytes - end_bytes, false)) == OK)
		st = container_index_parse(&head.ident, &keys, end, end_bytes, bytes, v->rows, rows,
		    &v->n);
	free(end);
	if (st == OK)
		v->keys = keys;
	secret_wipe(&keys, sizeof keys);
	if (st != OK) {
		free(v);
		return st;
	}
	v->ident = head.ident;
	v->bytes = bytes;
	v->fd = fd;
	ref_init(&v->refs);
	list_init(&v->bucket);
	list_init(&v->age);
	*vp = v;
	return OK;
}

int
vessel_file(struct mirror *m, uint64_t number, bool *part)
{
	char name[NAME_CAP];
	int fd;

	vessel_whole_name(name, number);
	fd = openat(m->dirfd, name, O_RDWR | O_CLOEXEC);
	*part = fd < 0 && errno == ENOENT;
	if (!*part)
		return fd;
	vessel_part_name(name, number);
	return openat(m->dirfd, name, O_RDWR | O_CLOEXEC);
}

static enum status
vessel_open(struct mirror *m, uint64_t number, struct vessel **vp)
{
	struct vessel *v = NULL, *out;
	enum status st;
	bool part;
	int fd;

	fd = vessel_file(m, number, &part);
	if (fd < 0)
		return status_of_errno(errno);
	if ((st = vessel_read(m, fd, number, &v)) != OK) {
		close(fd);
		return st;
	}
	v->part = part;
	out = vessel_keep(m, v);
	vessel_put(&out);
	*vp = v;
	return OK;
}

enum status
vessel_get(struct mirror *m, uint64_t number, struct vessel **vp)
{
	*vp = vessel_find(m, number);
	return *vp != NULL ? OK : vessel_open(m, number, vp);
}
