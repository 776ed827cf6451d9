/*
 * The model of names and bytes, its journal and its stamps.
 */
#include "tests/crash/model.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void
model_init(struct model *m, uint32_t blocks)
{
	memset(m, 0, sizeof *m);
	m->blocks = blocks;
	for (size_t i = 0; i < FILES; i++) {
		m->files[i].blocks = calloc(blocks, sizeof(struct block));
		if (m->files[i].blocks == NULL)
			abort();
	}
}

void
model_free(struct model *m)
{
	for (size_t i = 0; i < FILES; i++)
		free(m->files[i].blocks);
	memset(m, 0, sizeof *m);
}

void
model_copy(struct model *to, const struct model *from)
{
	model_init(to, from->blocks);
	for (size_t i = 0; i < FILES; i++) {
		struct block *blocks = to->files[i].blocks;

		memcpy(blocks, from->files[i].blocks, from->blocks * sizeof *blocks);
		to->files[i] = from->files[i];
		to->files[i].blocks = blocks;
	}
	memcpy(to->entries, from->entries, sizeof to->entries);
}

bool
block_may_be(const struct block *b, uint32_t gen)
{
	if (b->synced == gen)
		return true;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->gens[i] == gen)
			return true;
	return false;
}

uint32_t
block_last(const struct block *b)
{
	return b->count > 0 ? b->gens[b->count - 1] : b->synced;
}

void
model_sent(struct model *m, const struct op *op)
{
	struct file *f = &m->files[op->file];

	if (op->gen > m->gen)
		m->gen = op->gen;
	if (op->kind == OP_COMMIT)
		return;
	if (op->kind != OP_WRITE) {
		m->in_flight = true;
		m->sent = *op;
		return;
	}
	for (uint32_t i = op->block; i < op->block + op->blocks; i++) {
		struct block *b = &f->blocks[i];

		if (b->count > 0 && b->gens[b->count - 1] == op->gen)
			continue;		/* a rewrite of what may be lost */
		if (b->count == GENS_MAX)
			abort();		/* the load syncs before it comes to this */
		b->gens[b->count++] = op->gen;
	}
	if (op->block + op->blocks > f->size_max)
		f->size_max = op->block + op->blocks;
}

static void
block_synced(struct block *b, uint32_t gen)
{
	b->synced = gen;
	b->count = 0;
}

static bool
file_unsynced(const struct model *m, const struct file *f)
{
	for (uint32_t i = 0; i < m->blocks; i++)
		if (f->blocks[i].count > 0)
			return true;
	return false;
}

static void
write_acked(struct model *m, const struct record *r)
{
	const struct op *op = &r->op;
	struct file *f = &m->files[op->file];

	if (r->committed == NFS_UNSTABLE) {
		if (f->dirty && memcmp(f->verf, r->verf, 8) != 0)
			f->mixed = true;
		memcpy(f->verf, r->verf, 8);
		f->dirty = true;
		return;
	}
	for (uint32_t i = op->block; i < op->block + op->blocks; i++)
		block_synced(&f->blocks[i], op->gen);
	if (op->block + op->blocks > f->size_min)
		f->size_min = op->block + op->blocks;
	if (f->mixed && !file_unsynced(m, f)) {
		f->dirty = f->mixed = false;	/* all that may be lost was sent again */
		f->size_min = f->size_max;
	}
}

/* COMMIT vouches for what was written under the verifier that it shows, and for nothing else. */
static void
commit_acked(struct model *m, const struct record *r)
{
	struct file *f = &m->files[r->op.file];

	if (f->dirty && (f->mixed || memcmp(f->verf, r->verf, 8) != 0)) {
		f->mixed = true;
		return;
	}
	for (uint32_t i = 0; i < m->blocks; i++)
		block_synced(&f->blocks[i], block_last(&f->blocks[i]));
	f->size_min = f->size_max;
	f->dirty = f->mixed = false;
}

void
model_acked(struct model *m, const struct record *r)
{
	m->acked++;
	if (r->op.kind == OP_WRITE || r->op.kind == OP_COMMIT) {
		if (r->status != NFS_OK)
			return;
		m->verf_known = true;
		memcpy(m->verf, r->verf, 8);
		if (r->op.kind == OP_WRITE)
			write_acked(m, r);
		else
			commit_acked(m, r);
		return;
	}
	m->in_flight = false;
	if (r->status == NFS_OK)
		model_apply(m, &r->op, &r->fh);
}

static void
file_drop(struct model *m, const struct entry *e)
{
	struct file *f = &m->files[e->file];

	if (e->type == ENTRY_FILE && --f->nlink == 0)
		f->id = 0;
}

static void
file_make(struct model *m, const struct op *op, const struct nfs_fh *fh)
{
	struct file *f = &m->files[op->file];
	struct block *blocks = f->blocks;

	memset(blocks, 0, m->blocks * sizeof *blocks);
	*f = (struct file){ .id = op->id, .nlink = 1, .mode = op->mode, .blocks = blocks };
	if (fh != NULL)
		f->fh = *fh;
}

static void
file_trunc(struct model *m, const struct op *op)
{
	struct file *f = &m->files[op->file];

	for (uint32_t i = op->size; i < m->blocks; i++)
		block_synced(&f->blocks[i], 0);
	f->size_min = f->size_max = op->size;
}

void
model_apply(struct model *m, const struct op *op, const struct nfs_fh *fh)
{
	struct entry *e = &m->entries[op->dir][op->name];
	struct entry *to = &m->entries[op->to_dir][op->to_name];

	switch (op->kind) {
	case OP_CREATE:
		file_make(m, op, fh);
		*e = (struct entry){ .type = ENTRY_FILE, .file = op->file };
		break;
	case OP_MKDIR:
		*e = (struct entry){ .type = ENTRY_DIR, .id = op->id, .mode = op->mode };
		break;
	case OP_SYMLINK:
		*e = (struct entry){ .type = ENTRY_LINK, .id = op->id };
		break;
	case OP_LINK:
		*to = *e;
		m->files[e->file].nlink++;
		break;
	case OP_RENAME:
		if (e == to)
			break;
		if (e->type == ENTRY_FILE && to->type == ENTRY_FILE && e->file == to->file)
			break;			/* two links of one file: nothing happens */
		file_drop(m, to);
		*to = *e;
		*e = (struct entry){ 0 };
		break;
	case OP_REMOVE:
		file_drop(m, e);
		*e = (struct entry){ 0 };
		break;
	case OP_RMDIR:
		*e = (struct entry){ 0 };
		break;
	case OP_TRUNC:
		file_trunc(m, op);
		break;
	case OP_CHMOD:
		m->files[op->file].mode = op->mode;
		break;
	default:
		break;
	}
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	return x;
}

/* Words of the block: who it is, then what follows from that; never zero. */
static uint64_t
stamp_word(uint64_t seed, uint32_t at)
{
	return mix(seed + at * 0xd1342543de82ef95) | 1;
}

static uint64_t
stamp_seed(uint32_t id, uint32_t block, uint32_t gen)
{
	return mix((uint64_t)id << 32 | block) ^ mix((uint64_t)gen + 0x5851f42d4c957f2d);
}

void
stamp(uint8_t *into, uint32_t id, uint32_t block, uint32_t gen)
{
	uint64_t seed = stamp_seed(id, block, gen), word = (uint64_t)gen << 32 | 0x57a39;

	memcpy(into, &word, 8);
	for (uint32_t at = 1; at < BLOCK / 8; at++) {
		word = stamp_word(seed, at);
		memcpy(into + at * 8, &word, 8);
	}
}

long
stamp_of(const uint8_t *bytes, uint32_t id, uint32_t block)
{
	static const uint8_t zeros[BLOCK];
	uint8_t want[BLOCK];
	uint64_t word;

	memcpy(&word, bytes, 8);
	if (word == 0)
		return memcmp(bytes, zeros, BLOCK) == 0 ? 0 : -1;
	stamp(want, id, block, (uint32_t)(word >> 32));
	return memcmp(bytes, want, BLOCK) == 0 ? (long)(word >> 32) : -1;
}

uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t
record_sum(const struct record *r)
{
	const uint8_t *bytes = (const uint8_t *)r;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < offsetof(struct record, sum); i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

bool
record_write(int fd, struct record *r)
{
	r->time_ns = clock_ns();
	r->sum = record_sum(r);
	return write(fd, r, sizeof *r) == (ssize_t)sizeof *r;
}

static bool
record_fits(const struct model *m, const struct record *r)
{
	const struct op *op = &r->op;

	return op->dir < DIRS && op->to_dir < DIRS && op->name < NAMES && op->to_name < NAMES &&
	    op->file < FILES && op->blocks <= m->blocks && op->size <= m->blocks &&
	    op->block <= m->blocks - op->blocks && op->kind > 0 && op->kind < OP_KINDS;
}

bool
model_load(struct model *m, const char *path, uint64_t until_ns)
{
	FILE *file = fopen(path, "re");
	struct record r;
	bool ok = false;

	if (file == NULL)
		return false;
	if (fread(&r, sizeof r, 1, file) == 1 && r.sum == record_sum(&r) && r.kind == REC_HEAD &&
	    r.op.blocks > 0 && r.op.blocks <= BLOCKS_LIMIT) {
		model_init(m, r.op.blocks);
		m->begun = r.time_ns <= until_ns;
		ok = true;
	}
	/* The last record may be cut short; nothing after it was sent. */
	while (ok && m->begun && fread(&r, sizeof r, 1, file) == 1 && r.sum == record_sum(&r) &&
	    r.time_ns <= until_ns && record_fits(m, &r)) {
		if (r.kind == REC_SENT)
			model_sent(m, &r.op), m->seq = r.seq;
		else
			model_acked(m, &r);
	}
	fclose(file);
	return ok;
}
