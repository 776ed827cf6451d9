/*
 * Checksums go on from where the last sync left them, so each byte of a log is read once for this,
 * while it is still in the page cache.
 */
#include "backends/meta/leveldb/vouch.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT_BYTES = 4096, SLOTS = 2, MAGIC = 0x68636f76, FORMAT = 1, READ_BYTES = 256 << 10 };

static const char vouch_name[] = "vouch";

/* --- the file --- */

static void
slot_write(uint8_t slot[SLOT_BYTES], const struct leveldb_vouch *v)
{
	struct writer w = writer_of(slot, SLOT_BYTES - 4);

	memset(slot, 0, SLOT_BYTES);
	write_le32(&w, MAGIC);
	write_le32(&w, FORMAT);
	write_le64(&w, v->number);
	write_le64(&w, v->applied_lsn);
	write_le32(&w, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		write_bytes(&w, v->file[i].name, LEVELDB_VOUCH_NAME);
		write_le64(&w, v->file[i].bytes);
		write_le32(&w, v->file[i].crc);
	}
	assert(writer_ok(&w));
	put_le32(slot + SLOT_BYTES - 4, crc32c(0, slot, SLOT_BYTES - 4));
}

static bool
slot_read(const uint8_t slot[SLOT_BYTES], struct leveldb_vouch *v)
{
	struct reader r = reader_of(slot, SLOT_BYTES - 4);
	uint32_t magic = read_le32(&r), version = read_le32(&r);

	if (magic != MAGIC || version != FORMAT ||
	    get_le32(slot + SLOT_BYTES - 4) != crc32c(0, slot, SLOT_BYTES - 4))
		return false;
	v->number = read_le64(&r);
	v->applied_lsn = read_le64(&r);
	v->n = read_le32(&r);
	if (v->n > LEVELDB_VOUCH_FILES)
		return false;
	for (uint32_t i = 0; i < v->n; i++) {
		read_copy(&r, v->file[i].name, LEVELDB_VOUCH_NAME);
		v->file[i].bytes = read_le64(&r);
		v->file[i].crc = read_le32(&r);
		if (v->file[i].name[LEVELDB_VOUCH_NAME - 1] != '\0' ||
		    strchr(v->file[i].name, '/') != NULL)
			return false;
	}
	return reader_ok(&r);
}

/* NOENT: no such file, or one that was never finished; CORRUPT: neither slot can be believed. */
static enum status
file_read(int dirfd, struct leveldb_vouch *v)
{
	int fd = openat(dirfd, vouch_name, O_RDONLY | O_CLOEXEC);
	struct leveldb_vouch found = { .number = 0 };
	uint8_t slot[SLOT_BYTES];
	enum status st = OK;
	ssize_t got = 0, all = 0;

	if (fd < 0)
		return status_of_errno(errno);
	for (int i = 0; i < SLOTS; i++) {
		struct leveldb_vouch one;

		got = pread(fd, slot, SLOT_BYTES, (off_t)i * SLOT_BYTES);
		if (got < 0)
			st = status_of_errno(errno);
		all += got > 0 ? got : 0;
		if (got == SLOT_BYTES && slot_read(slot, &one) && one.number > found.number)
			found = one;
	}
	close(fd);
	if (st == OK && found.number == 0)
		st = all == 0 ? ST_NOENT : ST_CORRUPT;
	if (st == OK)
		*v = found;
	return st;
}

static enum status
file_write(int dirfd, const struct leveldb_vouch *v)
{
	int fd = openat(dirfd, vouch_name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	uint8_t slot[SLOT_BYTES];
	enum status st = OK;
	ssize_t put;

	if (fd < 0)
		return status_of_errno(errno);
	slot_write(slot, v);
	put = pwrite(fd, slot, SLOT_BYTES, (off_t)(v->number % SLOTS) * SLOT_BYTES);
	if (put != SLOT_BYTES)
		st = put < 0 ? status_of_errno(errno) : ST_IO;
	else if (!sync_skipped("meta.vouch") && fdatasync(fd) != 0)
		st = status_of_errno(errno);
	close(fd);
	return st;
}

/* --- the bytes vouched for --- */

/* Go on with a file's checksum up to that length.  CORRUPT: it is shorter. */
static enum status
crc_extend(int fd, uint64_t from, uint64_t to, uint32_t *crc)
{
	uint8_t *bytes = xmalloc(READ_BYTES);
	enum status st = OK;

	while (from < to && st == OK) {
		ssize_t got = pread(fd, bytes, MIN(to - from, (uint64_t)READ_BYTES), (off_t)from);

		if (got > 0) {
			*crc = crc32c(*crc, bytes, (size_t)got);
			from += (uint64_t)got;
		} else if (got == 0) {
			st = ST_CORRUPT;
		} else if (errno != EINTR) {
			st = status_of_errno(errno);
		}
	}
	free(bytes);
	return st;
}

static enum status
file_check(int dirfd, const struct leveldb_vouch_file *f)
{
	int fd = openat(dirfd, f->name, O_RDONLY | O_CLOEXEC);
	uint32_t crc = 0;
	enum status st;

	if (fd < 0)	/* gone: a log whose rows are in tables, a manifest replaced */
		return errno == ENOENT ? OK : status_of_errno(errno);
	st = crc_extend(fd, 0, f->bytes, &crc);
	if (st == OK && crc != f->crc)
		st = ST_CORRUPT;
	close(fd);
	return st;
}

static bool
name_ends(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n > e && strcmp(name + n - e, end) == 0;
}

struct found {				/* a database, or what must be left of one */
	bool current, tables;
};

static enum status
look(void *arg, const char *name)
{
	struct found *f = arg;

	f->current |= strcmp(name, "CURRENT") == 0;
	f->tables |= name_ends(name, ".ldb");
	return OK;
}

static const struct leveldb_vouch_file *
known(const struct leveldb_vouch *v, const char *name)
{
	for (uint32_t i = 0; i < v->n; i++)
		if (strcmp(v->file[i].name, name) == 0)
			return &v->file[i];
	return NULL;
}

static enum status
cut_log(int dirfd, const char *name, uint64_t bytes)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	enum status st = OK;
	struct stat sb;

	if (fd < 0)
		return status_of_errno(errno);
	if (fstat(fd, &sb) != 0 ||
	    ((uint64_t)sb.st_size > bytes && ftruncate(fd, (off_t)bytes) != 0))
		st = status_of_errno(errno);
	close(fd);
	return st;
}

/* Logs are numbered as they are made. */
static bool
younger(const struct leveldb_vouch *v, const char *log)
{
	unsigned long number = strtoul(log, NULL, 10);

	for (uint32_t i = 0; i < v->n; i++)
		if (name_ends(v->file[i].name, ".log") &&
		    number <= strtoul(v->file[i].name, NULL, 10))
			return false;
	return true;
}

struct folder {
	int fd;
	const struct leveldb_vouch *v;
	struct leveldb_vouch *next;	/* what is synced now */
};

static enum status
cut_one(void *arg, const char *name)
{
	const struct folder *d = arg;
	const struct leveldb_vouch_file *f = known(d->v, name);

	if (!name_ends(name, ".log"))
		return OK;
	if (f == NULL && !younger(d->v, name))
		return ST_CORRUPT;	/* it was gone at the last sync, and is back */
	return cut_log(d->fd, name, f != NULL ? f->bytes : 0);
}

enum status
meta_leveldb_vouch_cut(const char *dir, const struct leveldb_vouch *v)
{
	struct folder d = { .fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .v = v };
	enum status st = v->n < LEVELDB_VOUCH_FILES ? OK : ST_CORRUPT;

	if (d.fd < 0)
		return status_of_errno(errno);
	if (st == OK)
		st = file_list(d.fd, cut_one, &d);
	close(d.fd);
	return st;
}

enum status
meta_leveldb_vouch_check(const char *dir, struct leveldb_vouch *v, bool *fresh, struct text *why)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct found found = { .current = false };
	enum status st, vouched;

	if (dirfd < 0)
		return status_of_errno(errno);
	memset(v, 0, sizeof *v);
	vouched = file_read(dirfd, v);
	if (vouched == ST_CORRUPT)
		text_add(why, "neither half of vouch, which says what was synced, can be read");
	st = vouched == ST_NOENT ? OK : vouched;
	if (st == OK)
		st = file_list(dirfd, look, &found);
	if (st == OK && !found.current && (found.tables || vouched == OK)) {
		text_add(why, "CURRENT is missing");
		st = ST_CORRUPT;
	}
	for (uint32_t i = 0; i < v->n && st == OK; i++) {
		st = file_check(dirfd, &v->file[i]);
		if (st == ST_CORRUPT)
			text_addf(why, "%s is not what was synced", v->file[i].name);
	}
	close(dirfd);
	if (st == OK)
		*fresh = !found.current;
	return st;
}

/* --- syncing --- */

/* Sync one file and note its bytes. */
static enum status
sync_file(const struct folder *d, const char *name)
{
	const struct leveldb_vouch_file *k = known(d->v, name);
	struct leveldb_vouch *next = d->next;
	struct leveldb_vouch_file f = { .bytes = 0 };
	int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
	enum status st = OK;
	struct stat s;

	if (fd < 0)			/* LevelDB drops a log once its rows are in synced tables */
		return errno == ENOENT ? OK : status_of_errno(errno);
	if (fstat(fd, &s) != 0 || (!sync_skipped("meta.sync") && fdatasync(fd) != 0))
		st = status_of_errno(errno);
	if (st == OK && next->n < LEVELDB_VOUCH_FILES && strlen(name) < sizeof f.name) {
		if (k != NULL && k->bytes <= (uint64_t)s.st_size)
			f = *k;
		memcpy(f.name, name, strlen(name));
		st = crc_extend(fd, f.bytes, (uint64_t)s.st_size, &f.crc);
		f.bytes = (uint64_t)s.st_size;
		if (st == OK)
			next->file[next->n++] = f;
	}
	close(fd);
	return st;
}

static enum status
sync_one(void *arg, const char *name)
{
	return name_ends(name, ".log") || strncmp(name, "MANIFEST-", 9) == 0 ?
	    sync_file(arg, name) : OK;
}

enum status
meta_leveldb_vouch_sync(const char *dir, struct leveldb_vouch *v, lsn_t applied_lsn)
{
	struct leveldb_vouch next = { .number = v->number + 1, .applied_lsn = applied_lsn };
	struct folder d = { open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), v, &next };
	enum status st;

	if (d.fd < 0)
		return status_of_errno(errno);
	st = file_list(d.fd, sync_one, &d);
	if (st == OK && !sync_skipped("meta.folder") && fsync(d.fd) != 0)
		st = status_of_errno(errno);
	if (st == OK)
		st = file_write(d.fd, &next);
	close(d.fd);
	if (st == OK)
		*v = next;
	return st;
}
