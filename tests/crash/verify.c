/*
 * Compare what the server has with what a worker's model says it may have.
 */
#include "tests/crash/model.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAY(...)	(snprintf(why, 256, __VA_ARGS__), false)

/* A thread's results, one for each function below; freed at its end by tree_forget(). */
static _Thread_local struct nfs_res scratch[5];

enum { READ_BLOCKS = 64, DEPTH_MAX = 4, JUKEBOX_TRIES = 200, JUKEBOX_NAP_MS = 50,
	COLD_TRIES = 2400 };		/* two minutes: what only the bucket has, on its bad day */

static void
nap_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

struct nfs_fh
must_dir(struct nfs *n, const struct nfs_fh *dir, const char *name, bool make)
{
	struct nfs_res *res = &scratch[0];
	int status = nfs_lookup(n, dir, name, res);

	if (status == NFS_NOENT && make && nfs_mkdir(n, dir, name, 0777, res) == NFS_OK)
		status = nfs_lookup(n, dir, name, res);
	if (status != NFS_OK)
		return (struct nfs_fh){ 0 };
	return res->fh;
}

void
tree_forget(void)
{
	for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++)
		nfs_res_free(&scratch[i]);
}

/* The run's own directory below the export. */
bool
plan_top(const struct plan *p, struct nfs *n, struct nfs_fh *fh, bool make)
{
	static struct mount_res found;
	static struct nfs_res res;
	struct nfs m = nfs_dial(p->host, p->mount_port, 0, 0);
	int status = mount_run(&m, MOUNT_MNT, p->export, &found);

	nfs_hangup(&m);
	if (status != NFS_OK)
		return false;
	if (make && nfs_mkdir(n, &found.fh, p->dir, 0777, &res) != NFS_OK)
		return false;			/* it must be new */
	*fh = must_dir(n, &found.fh, p->dir, false);
	return fh->len > 0;
}

static bool
blocks_check(const struct file *f, uint32_t first, const uint8_t *data, uint32_t count, bool exact,
    char why[256])
{
	for (uint32_t i = 0; i < count; i++) {
		const struct block *b = &f->blocks[first + i];
		long gen = stamp_of(data + (size_t)i * BLOCK, f->id, first + i);

		if (gen < 0)
			return SAY("file %u block %u is garbage (synced generation %u, last %u)",
			    f->id, first + i, b->synced, block_last(b));
		if (exact ? block_last(b) != (uint32_t)gen : !block_may_be(b, (uint32_t)gen))
			return SAY("file %u block %u has generation %ld, but %u was synced and %u "
			    "written last", f->id, first + i, gen, b->synced, block_last(b));
	}
	return true;
}

static int
read_cold(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, uint32_t count,
    struct nfs_res *res)
{
	for (int i = 0; nfs_read(n, fh, offset, count, res) == NFS_JUKEBOX && i < COLD_TRIES; i++)
		nap_ms(JUKEBOX_NAP_MS);
	return res->status;
}

static bool
data_check(struct nfs *n, const struct model *m, const struct file *f, const struct nfs_fh *fh,
    char why[256])
{
	struct nfs_res *res = &scratch[1];
	bool exact = why[0] == 'x';		/* tree_check() leaves its wish there */
	uint32_t size = 0, at;

	if (nfs_getattr(n, fh, res) != NFS_OK)
		return SAY("GETATTR of file %u: %s", f->id, nfs_stat_name(res->status));
	if (res->obj.size % BLOCK != 0 || res->obj.size / BLOCK > m->blocks)
		return SAY("file %u has %llu bytes", f->id, (unsigned long long)res->obj.size);
	size = (uint32_t)(res->obj.size / BLOCK);
	if (size > f->size_max || size < (exact ? f->size_max : f->size_min))
		return SAY("file %u has %u blocks, not %u to %u", f->id, size,
		    f->size_min, f->size_max);
	for (at = 0; at < size; at += READ_BLOCKS) {
		uint32_t count = size - at < READ_BLOCKS ? size - at : READ_BLOCKS;

		if (read_cold(n, fh, (uint64_t)at * BLOCK, count * BLOCK, res) != NFS_OK)
			return SAY("READ of file %u: %s", f->id, nfs_stat_name(res->status));
		if (res->count != count * BLOCK || res->eof != (at + count == size))
			return SAY("READ of file %u block %u gave %u bytes, end %d", f->id, at,
			    res->count, res->eof);
		if (!blocks_check(f, at, res->data, count, exact, why))
			return false;
	}
	for (at = size; at < m->blocks; at++)
		if (!block_may_be(&f->blocks[at], 0) && f->blocks[at].synced != 0)
			return SAY("file %u lost its synced block %u", f->id, at);
	return true;
}

static bool
entry_check(struct nfs *n, const struct nfs_fh *dir, const struct model *m, const struct entry *e,
    const char *name, char why[256])
{
	struct nfs_res *res = &scratch[2];
	const struct file *f = &m->files[e->file];
	char target[32];
	struct nfs_fh fh;

	if (nfs_lookup(n, dir, name, res) != NFS_OK)
		return SAY("LOOKUP of %s: %s", name, nfs_stat_name(res->status));
	fh = res->fh;
	if (e->type == ENTRY_LINK) {
		snprintf(target, sizeof target, "target-%u", e->id);
		if (nfs_readlink(n, &fh, res) != NFS_OK || strcmp(res->path, target) != 0)
			return SAY("link %s gives %s \"%.100s\", not \"%s\"", name,
			    nfs_stat_name(res->status), res->path, target);
		return true;
	}
	if (res->obj.type != (e->type == ENTRY_DIR ? NFS_DIR : NFS_REG))
		return SAY("%s has type %u", name, res->obj.type);
	if (res->obj.mode != (e->type == ENTRY_DIR ? e->mode : f->mode))
		return SAY("%s has mode %o, not %o", name, res->obj.mode,
		    e->type == ENTRY_DIR ? e->mode : f->mode);
	if (e->type == ENTRY_DIR)
		return res->obj.nlink == 2 ||
		    SAY("directory %s has nlink %u", name, res->obj.nlink);
	if (res->obj.nlink != f->nlink)
		return SAY("%s has nlink %u, not %u", name, res->obj.nlink, f->nlink);
	if (f->fh.len > 0 && (fh.len != f->fh.len || memcmp(fh.bytes, f->fh.bytes, fh.len) != 0))
		return SAY("%s has another handle than before", name);
	return data_check(n, m, f, &fh, why);
}

/* Every name that is there should be, each once; marks those seen. */
static bool
names_check(struct nfs *n, const struct nfs_fh *dir, const struct entry *entries, char why[256])
{
	struct nfs_res *res = &scratch[3];
	uint64_t cookie = 0;
	uint8_t verf[8] = { 0 };
	bool seen[NAMES] = { false };

	do {
		if (nfs_readdir(n, dir, cookie, verf, 4096, res) != NFS_OK)
			return SAY("READDIR: %s", nfs_stat_name(res->status));
		memcpy(verf, res->verf, 8);
		for (size_t i = 0; i < res->entry_count; i++) {
			const char *name = res->entries[i].name;
			char *end;
			long at = name[0] == 'n' ? strtol(name + 1, &end, 10) : -1;

			cookie = res->entries[i].cookie;
			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
				continue;
			if (at < 0 || at >= NAMES || *end != '\0')
				return SAY("a stranger in the directory: %.100s", name);
			if (seen[at])
				return SAY("%.100s is listed twice", name);
			seen[at] = true;
		}
	} while (!res->eof && res->entry_count > 0);
	for (int i = 0; i < NAMES; i++)
		if (seen[i] != (entries[i].type != ENTRY_NONE))
			return SAY("n%d is %s", i, seen[i] ? "there, but was removed" :
			    "not there, but was acknowledged");
	return true;
}

bool
tree_check(struct nfs *n, const struct nfs_fh *top, const struct model *m, bool exact,
    char why[256])
{
	struct nfs_res *res = &scratch[4];
	char name[32], inner[256];

	for (int d = 0; d < DIRS; d++) {
		struct nfs_fh dir;

		snprintf(name, sizeof name, "d%d", d);
		if (nfs_lookup(n, top, name, res) != NFS_OK)
			return SAY("LOOKUP of directory %s: %s", name, nfs_stat_name(res->status));
		dir = res->fh;
		if (!names_check(n, &dir, m->entries[d], inner))
			return SAY("d%d: %.200s", d, inner);
		for (int i = 0; i < NAMES; i++) {
			if (m->entries[d][i].type == ENTRY_NONE)
				continue;
			snprintf(name, sizeof name, "n%d", i);
			inner[0] = exact ? 'x' : '-';
			if (!entry_check(n, &dir, m, &m->entries[d][i], name, inner))
				return SAY("d%d/n%d: %.200s", d, i, inner);
		}
	}
	return true;
}

static bool
dirty_any(const struct model *m)
{
	for (int i = 0; i < FILES; i++)
		if (m->files[i].id != 0 && m->files[i].dirty)
			return true;
	return false;
}

/* A server that lost its memory must show another write verifier than the writes were told. */
static bool
verf_check(struct nfs *n, const struct nfs_fh *top, const struct model *m, char why[256])
{
	static struct nfs_res res;

	if (!m->verf_known || !dirty_any(m))
		return true;
	/* With a full journal the server may first have to make room. */
	for (int i = 0; nfs_create(n, top, "verifier", 0600, &res) == NFS_JUKEBOX &&
	    i < JUKEBOX_TRIES; i++)
		nap_ms(JUKEBOX_NAP_MS);
	if (res.status != NFS_OK && res.status != NFS_EXIST)
		return SAY("CREATE: %s", nfs_stat_name(res.status));
	if (nfs_lookup(n, top, "verifier", &res) != NFS_OK)
		return SAY("LOOKUP: %s", nfs_stat_name(res.status));
	struct nfs_fh fh = res.fh;

	for (int i = 0; nfs_write(n, &fh, 0, "x", 1, NFS_FILE_SYNC, &res) == NFS_JUKEBOX &&
	    i < JUKEBOX_TRIES; i++)
		nap_ms(JUKEBOX_NAP_MS);
	if (res.status != NFS_OK)
		return SAY("WRITE: %s", nfs_stat_name(res.status));
	if (memcmp(res.verf, m->verf, 8) == 0)
		return SAY("the write verifier is the same as before the crash");
	return true;
}

static bool
worker_check(const struct plan *p, struct nfs *n, const struct nfs_fh *top, int worker)
{
	char path[1024], name[32], why[256], why_after[256];
	struct model before, after;
	struct nfs_fh dir;
	bool ok;

	snprintf(path, sizeof path, "%s/journal.%d", p->folder, worker);
	if (!model_load(&before, path, p->until_ns)) {
		printf("worker %d: no journal %s\n", worker, path);
		return false;
	}
	if (!before.begun) {
		model_free(&before);
		return true;
	}
	snprintf(name, sizeof name, "w%d", worker);
	dir = must_dir(n, top, name, false);
	ok = tree_check(n, &dir, &before, false, why);
	if (!ok && before.in_flight && before.sent.want == NFS_OK) {
		model_copy(&after, &before);
		model_apply(&after, &before.sent, NULL);
		ok = tree_check(n, &dir, &after, false, why_after);
		if (!ok)
			printf("worker %d, if the last request was done: %s\n", worker, why_after);
		model_free(&after);
	}
	if (ok && p->killed)
		ok = verf_check(n, &dir, &before, why);
	if (!ok)
		printf("worker %d: %s\n", worker, why);
	else if (!p->quiet)
		printf("worker %d: %llu answers hold\n", worker, (unsigned long long)before.acked);
	model_free(&before);
	return ok;
}

int
verify_run(const struct plan *p)
{
	struct nfs n = { 0 };
	struct nfs_fh top;
	int failed = 0;

	for (int i = 0; n.conn == NULL && i < p->patience * 20; i++) {
		n = nfs_dial(p->host, p->port, 0, 0);
		if (n.conn == NULL)
			nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	if (n.conn == NULL) {
		printf("no server\n");
		return 1;
	}
	if (!plan_top(p, &n, &top, false))
		top = (struct nfs_fh){ 0 };	/* no fault if no worker had begun */
	for (int i = 0; i < p->workers; i++)
		failed += !worker_check(p, &n, &top, i);
	nfs_hangup(&n);
	tree_forget();
	return failed != 0;
}

/* Remove a directory's entries, and theirs: DEPTH_MAX of ours are all that there are. */
static bool
empty_dir(struct nfs *n, const struct nfs_fh *dir, int depth)
{
	static struct nfs_res gone;
	struct nfs_res list = { 0 };
	size_t left;

	do {
		if (depth > DEPTH_MAX || nfs_readdirplus(n, dir, 0, NULL, 65536, &list) != NFS_OK)
			break;
		left = 0;
		for (size_t i = 0; i < list.entry_count; i++) {
			const struct nfs_entry *e = &list.entries[i];

			if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
				continue;
			if (nfs_remove(n, dir, e->name, &gone) != NFS_OK) {
				struct nfs_fh sub = must_dir(n, dir, e->name, false);

				if (!empty_dir(n, &sub, depth + 1) ||
				    nfs_rmdir(n, dir, e->name, &gone) != NFS_OK)
					goto out;
			}
			left++;
		}
	} while (left > 0);
out:
	left = list.status == NFS_OK && list.eof ? list.entry_count : SIZE_MAX;
	nfs_res_free(&list);
	return left == 2;
}

int
clean_run(const struct plan *p)
{
	static struct mount_res found;
	static struct nfs_res res;
	struct nfs m = nfs_dial(p->host, p->mount_port, 0, 0), n = nfs_dial(p->host, p->port, 0, 0);
	int status = mount_run(&m, MOUNT_MNT, p->export, &found);
	struct nfs_fh top = { 0 };

	if (status == NFS_OK && n.conn != NULL)
		top = must_dir(&n, &found.fh, p->dir, false);
	if (top.len > 0 && empty_dir(&n, &top, 0))
		status = nfs_rmdir(&n, &found.fh, p->dir, &res);
	else
		status = NFS_NOENT;
	if (status != NFS_OK)
		printf("cannot remove %s below %s\n", p->dir, p->export);
	nfs_hangup(&m);
	nfs_hangup(&n);
	return status != NFS_OK;
}
