/*
 * Crashes.  A child commits random entries in several threads, writes down in shared memory what
 * it committed and what it was told is durable, and is killed at any instant; what nobody was
 * promised may be torn on disk.  Whoever opens the journal next must find exactly the first G
 * entries, G not less than what was promised, data and records of the same state.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/group.h"
#include "pipeline/block/head.h"
#include "pipeline/block/segment.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPS_MAX = 1 << 17, SLOTS = 8, BLOCKS = 16, BLOCK = 4096, THREADS = 3,
	FILE_BYTES = BLOCKS * BLOCK };

enum step_kind { DO_WRITE, DO_TRUNC, DO_REPLACE, DO_CARVE, DO_ROW, DO_KINDS };

struct step {
	uint8_t kind, slot, block, blocks;
};

struct slot {				/* the model; also the body of its row */
	uint64_t ino;
	uint64_t g;			/* the entry that made this state, counted from 1 */
	uint64_t block_g[BLOCKS];	/* that wrote the block; 0: zeroes */
};

struct shared {
	_Atomic uint64_t committed;	/* entries handed to block_commit */
	_Atomic uint64_t promised;	/* entries that were durable */
	_Atomic uint64_t promised_lsn;
	struct step ops[OPS_MAX];
};

static struct shared *shared;

/* In a child: a failed expectation is the child's end. */
#define MUST(fact)								\
	do {									\
		if (!(fact)) {							\
			fprintf(stderr, "# line %d: not true: %s\n", __LINE__, #fact); \
			_exit(9);						\
		}								\
	} while (0)

static uint64_t
model_apply(struct slot slots[SLOTS], uint64_t next_ino, const struct step *op, uint64_t g)
{
	struct slot *s = &slots[op->slot];

	switch ((enum step_kind)op->kind) {
	case DO_WRITE:
		for (int i = 0; i < op->blocks; i++)
			s->block_g[op->block + i] = g;
		break;
	case DO_TRUNC:
		for (int i = op->block; i < BLOCKS; i++)
			s->block_g[i] = 0;
		break;
	case DO_REPLACE:
		memset(s, 0, sizeof *s);
		s->ino = next_ino++;
		break;
	case DO_CARVE:
	case DO_ROW:
	case DO_KINDS:
		break;
	}
	s->g = g;
	return next_ino;
}

static uint64_t
model_first(struct slot slots[SLOTS])
{
	memset(slots, 0, SLOTS * sizeof *slots);
	for (uint64_t i = 0; i < SLOTS; i++)
		slots[i].ino = 100 + i;
	return 100 + SLOTS;
}

static void
pattern(uint8_t *to, uint64_t g, int block)
{
	uint64_t x = g * 64 + (uint64_t)block;

	for (int i = 0; i < BLOCK; i += 8) {
		x = hash_u64(x);
		memcpy(to + i, &x, 8);
	}
}

/* --- the child that commits --- */

static struct world {
	struct rig rig;
	struct mutex mutex;		/* keeps model and log in the same order */
	struct slot slots[SLOTS];
	uint64_t next_ino;
	bool checkpoints;
} world;

static void
below(void *arg, uint64_t at, uint32_t len, uint8_t *to)
{
	const struct slot *s = arg;
	struct key key = key_map(s->ino, 0);
	struct arena arena;
	struct version v;

	arena_init(&arena, NULL, 0, META_VALUE_MAX);
	MUST(catalog_get(world.rig.share->catalog, key_slice(&key), true, &arena, &v) == OK);
	if (v.exists) {
		MUST(v.body.len == FILE_BYTES);
		memcpy(to, v.body.at + at, len);
	} else {
		memset(to, 0, len);
	}
	arena_rewind(&arena);
}

static void
read_file(struct slot *s, uint8_t *to)
{
	MUST(rig_read(&world.rig, s->ino, 0, FILE_BYTES, to, below, s) == OK);
}

static void
add_data(struct txn *t, const struct slot *s, const struct step *op, uint64_t g)
{
	struct buf *b = buf_new((uint32_t)op->blocks * BLOCK);
	struct chain c;

	for (int i = 0; i < op->blocks; i++)
		pattern(b->bytes + i * BLOCK, g, op->block + i);
	chain_init(&c);
	MUST(chain_push(&c, NULL, (struct slice){ b, b->bytes, b->size }) == OK);
	buf_put(&b);
	txn_data(t, s->ino, (uint64_t)op->block * BLOCK, &c);
	chain_clear(&c);
}

static void
add_carve(struct txn *t, struct slot *s)
{
	static uint8_t image[FILE_BYTES];
	struct key key = key_map(s->ino, 0);
	lsn_t newest = atomic_load(&world.rig.share->block->journal->assigned);

	read_file(s, image);
	txn_put(t, key_slice(&key), slice_of(image, sizeof image), NULL);
	txn_carved(t, s->ino, 0, UINT64_MAX, newest);
}

static void
add_replaced(struct txn *t, const struct slot *s)
{
	lsn_t newest = atomic_load(&world.rig.share->block->journal->assigned);
	struct key row = key_inode(s->ino), map = key_map(s->ino, 0);

	txn_del(t, key_slice(&row), NULL);
	txn_del(t, key_slice(&map), NULL);
	txn_carved(t, s->ino, 0, UINT64_MAX, newest);
}

/* The next entry, under the world's mutex; false: no room right now. */
static bool
commit_one(const struct step *op, uint64_t *g, lsn_t *lsn)
{
	struct slot *s = &world.slots[op->slot];
	struct key row, count = key_count(COUNT_CHUNK, "g", 1);
	struct txn *t = txn_new();

	if (t == NULL)
		return false;
	*g = atomic_load(&shared->committed) + 1;
	MUST(*g <= OPS_MAX);
	if (op->kind == DO_WRITE)
		add_data(t, s, op, *g);
	else if (op->kind == DO_TRUNC)
		txn_trunc(t, s->ino, (uint64_t)op->block * BLOCK);
	else if (op->kind == DO_CARVE)
		add_carve(t, s);
	else if (op->kind == DO_REPLACE)
		add_replaced(t, s);
	t->frees = op->kind == DO_CARVE;
	if (block_reserve(world.rig.share, t) != OK) {
		txn_free(&t);
		return false;
	}
	shared->ops[*g - 1] = *op;
	world.next_ino = model_apply(world.slots, world.next_ino, op, *g);
	row = key_inode(s->ino);
	txn_put(t, key_slice(&row), slice_of(s, sizeof *s), NULL);
	txn_count(t, key_slice(&count), 1);
	atomic_store(&shared->committed, *g);
	block_commit(world.rig.share, t, lsn);
	return true;
}

static struct step
random_op(void)
{
	static const uint8_t odds[] = { DO_WRITE, DO_WRITE, DO_WRITE, DO_WRITE, DO_WRITE, DO_WRITE,
		DO_WRITE, DO_WRITE, DO_WRITE, DO_ROW, DO_ROW, DO_ROW, DO_TRUNC, DO_CARVE, DO_CARVE,
		DO_REPLACE };
	uint64_t x = rand_u64();
	struct step op = { .kind = odds[x % 16], .slot = (uint8_t)(x >> 8) % SLOTS,
		.block = (uint8_t)(x >> 16) % BLOCKS };

	op.blocks = (uint8_t)(1 + (x >> 24) % MIN(4, BLOCKS - op.block));
	return op;
}

static void
promise(uint64_t g, lsn_t lsn)
{
	uint64_t was = atomic_load(&shared->promised);

	while (was < g && !atomic_compare_exchange_weak(&shared->promised, &was, g))
		;
	was = atomic_load(&shared->promised_lsn);
	while (was < lsn && !atomic_compare_exchange_weak(&shared->promised_lsn, &was, lsn))
		;
}

/* What the store is given was promised to it, whether or not a thread has said so yet. */
static void
durable(lsn_t lsn)
{
	promise(0, lsn);
}

static void
commit_forever(void *arg)
{
	(void)arg;
	while (atomic_load(&shared->committed) < OPS_MAX) {
		struct step op = random_op();
		uint64_t g;
		lsn_t lsn;
		bool done;

		mutex_lock(&world.mutex);
		done = commit_one(&op, &g, &lsn);
		mutex_unlock(&world.mutex);
		if (!done)
			usleep(1000);
		else if (rand_u64() % 4 == 0) {
			MUST(block_wait(world.rig.share, lsn) == OK);
			promise(g, lsn);
		}
	}
	pause();
}

/* Which entries are there, and is the state the one they make? */
static uint64_t
verify(void)
{
	struct key count = key_count(COUNT_CHUNK, "g", 1);
	static uint8_t image[FILE_BYTES], want[BLOCK];
	int64_t g;

	MUST(catalog_count(world.rig.share->catalog, key_slice(&count), &g) == OK);
	if ((uint64_t)g < atomic_load(&shared->promised) ||
	    (uint64_t)g > atomic_load(&shared->committed))
		fprintf(stderr, "# found %lld, promised %llu, committed %llu\n", (long long)g,
		    (unsigned long long)shared->promised, (unsigned long long)shared->committed);
	MUST((uint64_t)g >= atomic_load(&shared->promised));
	MUST((uint64_t)g <= atomic_load(&shared->committed));
	world.next_ino = model_first(world.slots);
	for (int64_t i = 0; i < g; i++)
		world.next_ino = model_apply(world.slots, world.next_ino, &shared->ops[i],
		    (uint64_t)i + 1);
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &world.slots[i], row;
		int len = rig_get(&world.rig, s->ino, &row, sizeof row);

		MUST(s->g == 0 ? len == -1 : len == (int)sizeof row);
		if (s->g == 0)
			continue;
		MUST(memcmp(&row, s, sizeof row) == 0);
		read_file(s, image);
		for (int b = 0; b < BLOCKS; b++) {
			memset(want, 0, BLOCK);
			if (s->block_g[b] != 0)
				pattern(want, s->block_g[b], b);
			MUST(memcmp(image + b * BLOCK, want, BLOCK) == 0);
		}
	}
	return (uint64_t)g;
}

/* False: the one before was killed before it had made a journal at all. */
static bool
has_head(void)
{
	char path[600];

	snprintf(path, sizeof path, "%s/journal/head", world.rig.dir);
	return access(path, F_OK) == 0;
}

static void
child(bool first, bool go_on)
{
	struct thread threads[THREADS];
	enum status st;

	alarm(60);
	mutex_witness(true);
	mutex_init(&world.mutex, RANK_SHARE, 1);
	rig_start();
	world.rig.durable = durable;
	st = rig_open(&world.rig, first || !has_head(), NULL);
	if (st != OK)
		fprintf(stderr, "# %s: %s\n", status_name(st), world.rig.why);
	MUST(st == OK);
	atomic_store(&shared->committed, MAX(verify(), 0));
	if (world.checkpoints)	/* so that segments are used again soon */
		world.rig.share->block->journal->space_cap = 32 << 20;
	if (!go_on) {
		rig_close(&world.rig);
		_exit(0);
	}
	for (int i = 0; i < THREADS; i++)
		thread_start(&threads[i], "commit", 0, commit_forever, NULL);
	for (;;) {
		usleep(3000);
		if (world.checkpoints)
			MUST(rig_checkpoint(&world.rig) == OK);
	}
}

/* --- the parent --- */

static int
newest_segment(uint64_t *serial)
{
	int best = -1;

	*serial = 0;
	for (int n = 1; n < 400; n++) {
		uint8_t id[16], head[GROUP_HEADER];
		struct group_head h;
		char path[600];
		int fd;

		memset(id, 0x4a, sizeof id);
		snprintf(path, sizeof path, "%s/journal/seg-%d", world.rig.dir, n);
		fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		if (pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
		    group_parse(head, id, &h) && h.serial > *serial) {
			if (best >= 0)
				close(best);
			best = fd;
			*serial = h.serial;
		} else {
			close(fd);
		}
	}
	return best;
}

/* A summary is written when all groups before it are on disk. */
static bool
is_sealed(int fd, const uint8_t id[16], uint64_t serial)
{
	uint8_t head[SUMMARY_HEADER];
	struct summary_head h;
	off_t size = lseek(fd, 0, SEEK_END);

	return pread(fd, head, sizeof head, size - (off_t)sizeof head) == (ssize_t)sizeof head &&
	    summary_parse(head, id, &h) && h.serial == serial;
}

/* Has a later opening made sure of the log's tail?  Then its head says where that ended: killed
 * before it wrote a group of its own, it has promised what it found. */
static bool
is_taken_over(uint64_t serial)
{
	uint8_t blocks[2 * HEAD_BLOCK];
	uint32_t newest = 0;
	struct head h;
	char path[600];
	int fd;

	snprintf(path, sizeof path, "%s/journal/head", world.rig.dir);
	fd = open(path, O_RDONLY);
	TRUE(fd >= 0 && pread(fd, blocks, sizeof blocks, 0) == (ssize_t)sizeof blocks);
	close(fd);
	for (int i = 0; i < 2; i++)
		if (head_decode(blocks + i * HEAD_BLOCK, &h) && h.incarnation > newest)
			newest = h.incarnation;
	return newest > SERIAL_INCARNATION(serial);
}

/* The last group, if nobody was promised what is in it: power fails before all of it is on disk. */
static bool
tear_tail(void)
{
	uint64_t serial, at = 0, last_at = 0;
	int fd = newest_segment(&serial);
	struct group_head h, last = { 0 };
	uint8_t id[16], head[GROUP_HEADER], junk[512];

	memset(id, 0x4a, sizeof id);
	if (fd < 0)
		return false;
	while (pread(fd, head, sizeof head, (off_t)at) == (ssize_t)sizeof head &&
	    group_parse(head, id, &h) && h.serial == serial) {
		last = h;
		last_at = at;
		at += group_bytes(&h);
	}
	if (is_sealed(fd, id, serial) || is_taken_over(serial) || last.count == 0 ||
	    last.first <= atomic_load(&shared->promised_lsn)) {
		close(fd);
		return false;
	}
	memset(junk, rand_u64() % 2 ? 0xdb : 0, sizeof junk);
	for (uint64_t n = 1 + rand_u64() % 4; n > 0; n--) {
		uint64_t sector = rand_u64() % (group_bytes(&last) / sizeof junk);

		TRUE(pwrite(fd, junk, sizeof junk,
		    (off_t)(last_at + sector * sizeof junk)) == (ssize_t)sizeof junk);
	}
	close(fd);
	return true;
}

static int
run_child(bool first, uint32_t life_us)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	TRUE(pid >= 0);
	if (pid == 0)
		child(first, life_us > 0);
	if (life_us > 0) {
		usleep(life_us);
		kill(pid, SIGKILL);
	}
	TRUE(waitpid(pid, &status, 0) == pid);
	return status;
}

enum { ENOUGH = 100 };			/* entries promised, else it shows little */

static void
crash_again_and_again(const char *kind, bool checkpoints, int rounds)
{
	int torn = 0;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	    0);
	TRUE(shared != MAP_FAILED);
	rand_seed((uint64_t)getpid());
	world.checkpoints = checkpoints;
	rig_place(&world.rig, checkpoints ? "crash" : "crash-log", kind);
	EQ(run_child(true, 300000) & 0x7f, SIGKILL);
	for (int i = 0; i < rounds || (shared->promised <= ENOUGH && i < 10 * rounds); i++) {
		uint32_t slow = i < rounds ? 1 : 4;	/* a machine that got little done */
		int status;

		torn += tear_tail();
		status = run_child(false, slow * (40000 + (uint32_t)(rand_u64() % 200000)));
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			check_fail(__FILE__, __LINE__, "round %d: child status %x", i, status);
	}
	torn += tear_tail();
	EQ(run_child(false, 0), 0);
	EQ(run_child(false, 0), 0);	/* and once more after a clean end */
	printf("# %llu entries, %llu promised, %d tails torn\n",
	    (unsigned long long)shared->committed, (unsigned long long)shared->promised, torn);
	TRUE(shared->promised > ENOUGH);
	munmap(shared, sizeof *shared);
}

CASE(killed_at_any_instant_the_log_alone_is_a_prefix_with_all_that_was_promised)
{
	crash_again_and_again("memory", false, 12);
}

CASE(killed_at_any_instant_with_checkpoints_and_carving_it_is_a_prefix_all_the_same)
{
	crash_again_and_again("leveldb", true, 25);
}
