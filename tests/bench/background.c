/*
 * What who asks notices of what goes on behind: the time of GETATTR, of a warm READ of 4 KiB, of
 * a create, and of a write of 4 KiB with its COMMIT, one after another, alone and beside background
 * at full work: a backlog that is carved, records applied, large files reaped, containers copied to
 * a remote in another folder.  Rounds in turn in one run; medians of the rounds' percentiles.
 * Alone is measured in two halves, one on either side of each piece of background, so that a
 * machine that grows busier or quieter meanwhile counts for neither.
 *
 *	BACKGROUND_ROUNDS=5   BACKGROUND_MIB=256 of backlog a round
 *
 * Prints "background OP alone-p50 alone-p99 beside-p50 beside-p99 ratio-of-p99", in µs, and how
 * far the p99 of the two halves alone lie apart, the larger by the smaller: the ratio before it
 * cannot be known better than that.
 */
#include "backends/backends.h"
#include "crypto/aead.h"
#include "mgmt/shares/spec.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/sync/sync.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20, FILE_MIB = 16, WARM = 64, PAGE = 4096, ROUNDS_MAX = 64, SAMPLES = 1 << 18,
	CHEAP_A_TURN = 8, HALF_MS = 1000, IDLE_TRIES = 1000,
	LITTLE = 2 << 20,
	PUSH_AGAIN_MS = 4000, PUSH_LASTS_MS = 5200 };	/* a push is for five seconds */

enum kind { GETATTR, READ, CREATE, COMMIT, OPS };
static const char *const names[OPS] = { "getattr", "read-4k", "create", "write-commit-4k" };

struct percentiles { double p50, p99; };

/* What is measured: without and with what goes on behind, and each half of without by itself. */
enum part { ALONE, BESIDE, BEFORE, AFTER, PARTS };
static struct percentiles figure[OPS][PARTS][ROUNDS_MAX];

struct samples { uint32_t n, us10[SAMPLES]; };	/* tenths of a µs */
static struct samples took[OPS][PARTS];		/* of the running round */
static struct file_id warm[WARM], folder, written;
static uint8_t page[PAGE];
static uint32_t made, folders;

static uint32_t
setting(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);
	uint32_t v = text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);

	return v == 0 ? otherwise : v;
}

/* --- one operation --- */

static void
do_commit(uint32_t i)
{
	struct job *job;

	EQ(world_write(written, (uint64_t)(i % 1024) * PAGE, page, PAGE, STABLE_UNSTABLE), OK);
	job = world_op(OP_COMMIT, written, NULL);
	EQ(world_run(job), OK);
	world_done(&job);
}

static void
do_one(enum kind op, uint32_t i)
{
	struct attr attr;
	char name[32];
	bool eof;

	switch (op) {
	case GETATTR:
		world_attr(warm[i % WARM], &attr);
		break;
	case READ:
		EQ(world_read(warm[i % WARM], 0, page, PAGE, &eof), PAGE);
		break;
	case CREATE:
		snprintf(name, sizeof name, "f%u", made++);
		world_create(folder, name);
		break;
	case COMMIT:
		do_commit(i);
		break;
	case OPS:
		break;
	}
}

static void
add(struct samples *s, uint64_t ns)
{
	if (s->n < SAMPLES)
		s->us10[s->n++] = (uint32_t)MIN(ns / 100, (uint64_t)UINT32_MAX);
}

static void
timed(enum part part, enum kind op, uint32_t i)
{
	uint64_t began = clock_mono_ns(), ns;

	do_one(op, i);
	ns = clock_mono_ns() - began;
	add(&took[op][part], ns);
	if (part != BESIDE)
		add(&took[op][ALONE], ns);
}

static void
turn(enum part part, uint32_t i)
{
	for (uint32_t k = 0; k < CHEAP_A_TURN; k++) {
		timed(part, GETATTR, i * CHEAP_A_TURN + k);
		timed(part, READ, i * CHEAP_A_TURN + k);
	}
	timed(part, CREATE, i);
	timed(part, COMMIT, i);
}

/* --- figures --- */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
note(uint32_t round, enum kind op, enum part part)
{
	struct samples *t = &took[op][part];

	TRUE(t->n > 0);
	qsort(t->us10, t->n, sizeof *t->us10, by_size);
	figure[op][part][round] = (struct percentiles){ t->us10[t->n / 2] / 10.0,
		t->us10[(uint32_t)((uint64_t)t->n * 99 / 100)] / 10.0 };
	t->n = 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct percentiles
median(const struct percentiles *v, uint32_t n)
{
	double p50[ROUNDS_MAX], p99[ROUNDS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		p50[i] = v[i].p50;
		p99[i] = v[i].p99;
	}
	qsort(p50, n, sizeof *p50, by_value);
	qsort(p99, n, sizeof *p99, by_value);
	return (struct percentiles){ p50[n / 2], p99[n / 2] };
}

/* --- what goes on behind --- */

static struct sync_remote
look(void)
{
	struct sync_remote r;

	sync_remote_look(world_share(), &r);
	return r;
}

/* But for the little that is being written. */
static bool
busy(void)
{
	struct sync_remote r = look();

	return r.dirty_bytes > LITTLE || r.pending_bytes > LITTLE;
}

static void
settle_all(void)
{
	for (int i = 0; !look().drained && i < IDLE_TRIES; i++) {
		if (i % 100 == 0)
			sync_push_share(world_share());
		usleep(10000);
	}
	usleep(PUSH_LASTS_MS * 1000);
}

/* Half of it can be compressed; no two are alike. */
static void
write_backlog(uint32_t mibs)
{
	uint8_t *bytes = xmalloc(MIB);
	struct file_id file = world_root();
	char name[32];

	for (uint32_t m = 0; m < mibs; m++) {
		if (m % FILE_MIB == 0) {
			snprintf(name, sizeof name, "big%u", m / FILE_MIB);
			file = world_create(folder, name);
		}
		for (uint32_t at = 0; at < MIB; at += 8) {
			uint64_t word = rand_u64();

			if (at / 256 % 2 == 0)
				word &= 0x0707070707070707;
			memcpy(bytes + at, &word, 8);
		}
		EQ(world_write(file, (uint64_t)(m % FILE_MIB) * MIB, bytes, MIB, STABLE_UNSTABLE),
		    OK);
	}
	free(bytes);
}

static void
remove_backlog(struct file_id from, uint32_t mibs)
{
	char name[32];

	for (uint32_t m = 0; m < mibs; m += FILE_MIB) {
		snprintf(name, sizeof name, "big%u", m / FILE_MIB);
		EQ(world_remove(from, name), OK);
	}
}

static void
next_folder(void)
{
	char name[32];

	snprintf(name, sizeof name, "folder%u", folders++);
	folder = world_mkdir(world_root(), name);
}

static void
warm_up(void)
{
	for (uint32_t i = 0; i < WARM; i++)
		do_one(READ, i);
}

static void
alone(enum part half)
{
	uint64_t until = clock_mono_ns() + HALF_MS * NS_PER_MS;

	warm_up();
	for (uint32_t i = 0; clock_mono_ns() < until; i++)
		turn(half, i);
}

static void
beside(void)
{
	uint64_t push_ns = 0;

	for (uint32_t i = 0; busy(); i++) {
		if (clock_mono_ns() >= push_ns) {
			sync_push_share(world_share());
			push_ns = clock_mono_ns() + PUSH_AGAIN_MS * NS_PER_MS;
		}
		turn(BESIDE, i);
	}
}

static void
one_round(uint32_t round, uint32_t mibs)
{
	struct file_id last = folder;
	uint64_t began;

	next_folder();
	write_backlog(mibs);
	usleep(100000);
	alone(BEFORE);
	if (round > 0)
		remove_backlog(last, mibs);
	TRUE(look().dirty_bytes >= (uint64_t)mibs * MIB);
	began = clock_mono_ns();
	beside();
	printf("# round %u: %u MiB carved and copied in %.2f s\n", round, mibs,
	    (double)(clock_mono_ns() - began) / NS_PER_S);
	settle_all();
	alone(AFTER);
	for (int op = 0; op < OPS; op++)
		for (int part = 0; part < PARTS; part++)
			note(round, (enum kind)op, (enum part)part);
}

static void
show(enum kind op, uint32_t rounds)
{
	struct percentiles a = median(figure[op][ALONE], rounds),
			   b = median(figure[op][BESIDE], rounds);
	double before = median(figure[op][BEFORE], rounds).p99,
	       after = median(figure[op][AFTER], rounds).p99;

	printf("background %-16s %9.1f %9.1f %9.1f %9.1f %6.2f  halves alone %.2f\n", names[op],
	    a.p50, a.p99, b.p50, b.p99, b.p99 / a.p99,
	    before > after ? before / after : after / before);
}

/* Without being asked, nothing is carved. */
static const struct sync_conf held = { .apply_ms = 200,
	.carve_age_ms = 1 << 30,
	.carve_at_percent = 99 };

static void
begin(void)
{
	static char path[600], dir[600];
	static struct store_spec far = { .name = "far", .kind = "fs", .noptions = 1 };

	snprintf(dir, sizeof dir, "%s/share", check_tmpdir());
	snprintf(path, sizeof path, "%s/far", check_tmpdir());
	TRUE(mkdir(dir, 0700) == 0 && mkdir(path, 0700) == 0);
	far.option[0] = (struct backends_pair){ "path", path };
	log_open(2, false, LOG_LEVEL_ERROR);
	world_start_as("leveldb", dir, &(struct world_how){ .sync = &held, .remote = &far,
		.journal_bytes = 2ull << 30, .encryption = AEAD_AES_256_GCM, .compression = 1 });
	next_folder();
	for (uint32_t i = 0; i < WARM; i++) {
		char name[32];

		snprintf(name, sizeof name, "warm%u", i);
		warm[i] = world_create(folder, name);
		memset(page, (int)i, PAGE);
		EQ(world_write(warm[i], 0, page, PAGE, STABLE_UNSTABLE), OK);
	}
	written = world_create(folder, "written");
	settle_all();
}

CASE(what_who_asks_notices_of_what_goes_on_behind)
{
	uint32_t rounds = MIN(setting("BACKGROUND_ROUNDS", 5), (uint32_t)ROUNDS_MAX);
	uint32_t mibs = setting("BACKGROUND_MIB", 256) / FILE_MIB * FILE_MIB;

	begin();
	for (uint32_t r = 0; r < rounds; r++)
		one_round(r, mibs);
	for (int op = 0; op < OPS; op++)
		show((enum kind)op, rounds);
	world_stop();
}
