/*
 * The local tier: one file a container.  Here it is opened and read: a chunk, an index, a whole
 * container; each byte is verified before the caller has it.
 */
#include "pipeline/block/mirror.h"

#include "pipeline/base/clock.h"
#include "pipeline/block/direct.h"
#include "pipeline/block/pread.h"
#include "pipeline/block/vessel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
add_bytes(void *arg, uint64_t number, uint64_t bytes)
{
	uint64_t *sum = arg;

	(void)number;
	*sum += bytes;
	return true;
}

enum status
mirror_open(const char *dir, const struct container_ident *ident,
    const struct container_keys *plain, const struct share_keys *keys, struct mirror **mp)
{
	struct mirror *m;
	uint64_t sum = 0, parts = 0;
	enum status st;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return status_of_errno(errno);
	m = xcalloc(1, sizeof *m);
	m->ident = *ident;
	m->plain = *plain;
	m->keys = keys;
	m->dirfd = fd;
	vessel_table_open(m);
	mirror_making_drop(m);
	mirror_tick(m, clock_mono_ns());
	if ((st = mirror_marks_read(m)) != OK || (st = mirror_walk(m, add_bytes, &sum)) != OK ||
	    (st = mirror_walk_parts(m, add_bytes, &parts)) != OK) {
		mirror_close(&m);
		return st;
	}
	atomic_store_explicit(&m->bytes, sum, memory_order_relaxed);
	atomic_store_explicit(&m->sparse, parts, memory_order_relaxed);
	*mp = m;
	return OK;
}

void
mirror_close(struct mirror **mp)
{
	struct mirror *m = TAKE(mp);

	if (m == NULL)
		return;
	mirror_marks_keep(m);
	vessel_table_close(m);
	close(m->dirfd);
	free(m);
}

/* --- reading --- */

/* Stored bytes aside, so that none reach the caller before they are known to be good. */
static enum status
vessel_chunk(const struct vessel *v, uint32_t index, uint8_t *to, bool nowait)
{
	const struct container_chunk *row = &v->rows[index];
	size_t len = (size_t)row->stored + CONTAINER_TAG;
	uint8_t *stored = xmalloc(len);
	enum status st = pread_full(v->fd, stored, len, row->at, nowait);

	if (st == OK)
		st = container_open(&v->ident, &v->keys, index, row, stored, to);
	free(stored);
	return st;
}

enum status
mirror_read(struct mirror *m, uint64_t number, uint32_t index, const uint8_t digest[32],
    uint8_t *to, uint32_t len, bool nowait)
{
	struct vessel *v = vessel_find(m, number);
	enum status st = OK;

	if (v == NULL && nowait)
		return ST_DELAY;
	if (v == NULL && (st = vessel_get(m, number, &v)) != OK)
		return st;
	if (index >= v->n || v->rows[index].plain != len ||
	    memcmp(v->rows[index].digest, digest, 32) != 0)
		st = ST_CORRUPT;
	else
		st = vessel_has(v, index) ? vessel_chunk(v, index, to, nowait) : ST_NOENT;
	vessel_put(&v);
	return st;
}

/* By a way of its own; by the vessel's where the file has lost its name meanwhile. */
static enum status
read_past(struct mirror *m, const struct vessel *v, uint8_t *bytes, uint64_t len)
{
	bool part = false;
	int fd = vessel_file(m, v->ident.number, &part);
	enum status st = fd >= 0 && !part ? pread_past(fd, bytes, len) :
	    pread_behind(v->fd, bytes, len, 0);

	if (fd >= 0)
		close(fd);
	return st;
}

/* A unit.  A sealed one is opened where it lies, so not among the file's bytes. */
struct opened {
	uint8_t stored[CONTAINER_UNIT + CONTAINER_TAG], plain[CONTAINER_UNIT];
};

static enum status
check_chunk(const struct vessel *v, uint32_t index, const uint8_t *bytes, uint64_t len,
    struct opened *o)
{
	const struct container_chunk *row = &v->rows[index];
	uint64_t stored = (uint64_t)row->stored + CONTAINER_TAG;

	if (row->plain > sizeof o->plain || stored > sizeof o->stored || row->at > len ||
	    stored > len - row->at)
		return ST_CORRUPT;
	memcpy(o->stored, bytes + row->at, stored);
	return container_open(&v->ident, &v->keys, index, row, o->stored, o->plain);
}

static enum status
vessel_whole(struct mirror *m, const struct vessel *v, uint8_t **bytesp, uint64_t *lenp)
{
	struct opened *o;
	uint8_t *bytes;
	struct stat sb;
	uint64_t len;
	enum status st;

	if (fstat(v->fd, &sb) < 0)
		return status_of_errno(errno);
	len = (uint64_t)sb.st_size;
	bytes = xaligned(DIRECT_BLOCK, len);
	o = xmalloc(sizeof *o);
	st = read_past(m, v, bytes, len);
	for (uint32_t i = 0; i < v->n && st == OK; i++)
		st = check_chunk(v, i, bytes, len, o);
	free(o);
	if (st != OK) {
		free(bytes);
		return st;
	}
	*bytesp = bytes;
	*lenp = len;
	return OK;
}

enum status
mirror_load(struct mirror *m, uint64_t number, uint64_t *fence, uint8_t **bytes, uint64_t *len)
{
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	st = v->part ? ST_NOENT : vessel_whole(m, v, bytes, len);
	if (st == OK)
		*fence = v->ident.fence;
	vessel_put(&v);
	return st;
}

enum status
mirror_head(struct mirror *m, uint64_t number, uint64_t *fence, uint32_t *key)
{
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	if (fence != NULL)
		*fence = v->ident.fence;
	if (key != NULL)
		*key = v->keys.aead == 0 ? 0 : v->keys.version;
	vessel_put(&v);
	return OK;
}

bool
mirror_whole(struct mirror *m, uint64_t number)
{
	char name[NAME_CAP];
	struct stat sb;

	vessel_whole_name(name, number);
	return fstatat(m->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0;
}

uint64_t
mirror_bytes(const struct mirror *m)
{
	return atomic_load_explicit(&m->bytes, memory_order_relaxed);
}

void
mirror_used(struct mirror *m, uint64_t number)
{
	recent_use(&m->recent, number);
}

void
mirror_tick(struct mirror *m, uint64_t mono_ns)
{
	recent_tick(&m->recent, mono_ns);
}

uint32_t
mirror_idle_minutes(const struct mirror *m, uint64_t number)
{
	return recent_idle_minutes(&m->recent, number);
}
