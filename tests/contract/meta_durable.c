/*
 * What only a durable keeper promises: closing, being killed, damage and a full disk lose nothing
 * that was vouched for, and nothing wrong is ever told.
 *
 * A case that needs a victim starts this program again, with META_SUITE_VICTIM saying what to do
 * in which folder: LevelDB's threads do not outlive a fork.
 */
#include "tests/contract/meta_suite.h"

#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct suite_batch batch;

CASE(rows_and_ident_outlive_a_close)
{
	const char *dir = suite_dir();
	struct meta_store *s = suite_open(dir);
	struct meta_ident ident = { .fence = SUITE_FENCE, .share_id = "one" }, got;

	EQ(s->ops->claim(s, &ident), OK);
	suite_put(&batch, "a", "1");
	EQ(suite_apply(s, &batch, 9), OK);
	s->ops->close(s);
	s = suite_open(dir);
	EQ_STR(suite_get(s, "a"), "1");
	EQ(s->ops->ident(s, &got), OK);
	EQ_STR((char *)got.share_id, "one");
	EQ(got.applied_lsn, 9);
	suite_del(&batch, "a");
	EQ(suite_apply(s, &batch, 10), OK);
	EQ(s->ops->sync(s), OK);
	s->ops->close(s);
	s = suite_open(dir);
	TRUE(suite_get(s, "a") == NULL);
	s->ops->close(s);
}

CASE(a_store_in_use_is_busy)
{
	const char *dir = suite_dir();
	struct meta_store *s = suite_open(dir), *other = NULL;
	char why[512];

	EQ(suite_try_open(dir, &other, why, sizeof why), ST_BUSY);
	TRUE(other == NULL && why[0] != '\0');
	s->ops->close(s);
}

CASE(a_claim_may_take_applied_lsn_back)
{
	const char *dir = suite_dir();
	struct meta_store *s = suite_open(dir);
	struct meta_ident ident = { .fence = SUITE_FENCE, .applied_lsn = 100 }, got;

	EQ(s->ops->claim(s, &ident), OK);
	ident.applied_lsn = 50;
	EQ(s->ops->claim(s, &ident), OK);
	s->ops->close(s);
	s = suite_open(dir);
	EQ(s->ops->ident(s, &got), OK);
	EQ(got.applied_lsn, 50);
	s->ops->close(s);
}

/* --- victims --- */

enum { VICTIM_ROWS = 60, VICTIM_SKIPPED = 77 };

static void
fill(lsn_t lsn)
{
	char key[16], value[64];

	for (int i = 0; i < VICTIM_ROWS; i++) {
		snprintf(key, sizeof key, "row%03d", i);
		snprintf(value, sizeof value, "%llu-%040d", (unsigned long long)lsn, i);
		suite_put(&batch, key, value);
	}
}

/* Apply until killed; tell by fd 3 up to where a sync has returned. */
static int
victim_applies(const char *dir)
{
	struct meta_store *s = NULL;
	struct meta_ident ident = { .fence = SUITE_FENCE };
	char why[512];

	if (suite_try_open(dir, &s, why, sizeof why) != OK)
		return 1;
	if (s->ops->ident(s, &ident) == ST_NOENT && s->ops->claim(s, &ident) != OK)
		return 2;
	for (lsn_t lsn = ident.applied_lsn + 1;; lsn++) {
		fill(lsn);
		if (suite_apply(s, &batch, lsn) != OK)
			return 3;
		if (lsn % 16 == 0 && (s->ops->sync(s) != OK ||
		    write(3, &lsn, sizeof lsn) != (ssize_t)sizeof lsn))
			return 4;
	}
}

static bool
ballast(const char *dir, size_t bytes)
{
	char path[600], block[65536];
	int fd;

	snprintf(path, sizeof path, "%s/ballast", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	memset(block, 1, sizeof block);
	for (size_t at = 0; fd >= 0 && at < bytes; at += sizeof block)
		if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
			return false;
	return fd >= 0 && close(fd) == 0;
}

/* Rows of a full disk: each batch has one large row. */
static bool
large_row(lsn_t lsn, bool want, struct meta_store *s)
{
	char key[32];
	const char *value;

	snprintf(key, sizeof key, "large%llu", (unsigned long long)lsn);
	value = suite_get(s, key);
	return want ? value != NULL && strlen(value) == 40000 &&
	    value[0] == (char)('a' + lsn % 26) : value == NULL;
}

static enum status
large_apply(struct meta_store *s, lsn_t lsn)
{
	static char value[40001];
	char key[32];

	for (size_t i = 0; i < sizeof value - 1; i++)	/* nothing that compresses well */
		value[i] = (char)('!' + rand_u64() % 90);
	value[0] = (char)('a' + lsn % 26);
	snprintf(key, sizeof key, "large%llu", (unsigned long long)lsn);
	suite_put(&batch, key, value);
	return suite_apply(s, &batch, lsn);
}

/* In a small file system of its own, hidden from everybody else. */
static int
victim_fills_the_disk(const char *dir)
{
	struct meta_ident ident = { .fence = SUITE_FENCE };
	struct meta_store *s = NULL;
	char why[512], path[600];
	enum status st = OK;
	lsn_t lsn = 0;

	mkdir(dir, 0700);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", dir, "tmpfs", 0, "size=28m") != 0)
		return VICTIM_SKIPPED;
	if (!ballast(dir, 16 << 20) || suite_try_open(dir, &s, why, sizeof why) != OK ||
	    s->ops->claim(s, &ident) != OK)
		return 1;
	while (lsn < 2000 && (st = large_apply(s, lsn + 1)) == OK)
		lsn++;
	if (st != ST_NOSPC || lsn < 20)
		return 2;
	if (large_apply(s, lsn + 1) != ST_NOSPC)		/* still full: still refused */
		return 3;
	for (lsn_t i = 1; i <= lsn; i++)			/* and all that was there is read */
		if (!large_row(i, true, s))
			return 4;
	if (!large_row(lsn + 1, false, s) || s->ops->ident(s, &ident) != OK ||
	    ident.applied_lsn != lsn)
		return 5;
	snprintf(path, sizeof path, "%s/ballast", dir);
	if (unlink(path) != 0 || (st = large_apply(s, lsn + 1)) != OK || s->ops->sync(s) != OK)
		return 6;
	s->ops->close(s);
	if (suite_try_open(dir, &s, why, sizeof why) != OK)
		return 7;
	for (lsn_t i = 1; i <= lsn + 1; i++)
		if (!large_row(i, true, s))
			return 8;
	s->ops->close(s);
	return 0;
}

/* A case that is there only for who was told to be a victim. */
static void
be_a_victim(void)
{
	const char *what = getenv("META_SUITE_VICTIM"), *dir = getenv("META_SUITE_DIR");

	if (what != NULL && dir != NULL)
		_exit(strcmp(what, "applies") == 0 ? victim_applies(dir) :
		    victim_fills_the_disk(dir));
}

static struct check_case victim_case = { "be_a_victim", __FILE__, be_a_victim, NULL };

__attribute__((constructor)) static void
register_victim(void)
{
	if (getenv("META_SUITE_VICTIM") != NULL)
		check_register(&victim_case);
}

/* Start a victim whose fd 3 is the writing end of a pipe. */
static pid_t
victim(const char *what, const char *dir, int *told)
{
	int fds[2];
	pid_t pid;

	EQ(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		setenv("META_SUITE_VICTIM", what, 1);
		setenv("META_SUITE_DIR", dir, 1);
		if (fds[1] != 3)
			dup2(fds[1], 3);
		execl("/proc/self/exe", "victim", victim_case.name, (char *)NULL);
		_exit(99);
	}
	TRUE(pid > 0);
	close(fds[1]);
	*told = fds[0];
	return pid;
}

CASE(a_kill_leaves_whole_batches_and_what_was_synced)
{
	char dir[512];
	uint64_t reached = 0;

	snprintf(dir, sizeof dir, "%s", suite_dir());
	for (int life = 0; life < 12; life++) {
		struct meta_ident got;
		struct meta_store *s;
		lsn_t synced = 0;
		char want[64], key[16];
		int told, state;
		pid_t pid = victim("applies", dir, &told);

		EQ(read(told, &synced, sizeof synced), sizeof synced);
		usleep((useconds_t)(rand_u64() % 30000));
		EQ(kill(pid, SIGKILL), 0);
		EQ(waitpid(pid, &state, 0), pid);
		TRUE(WIFSIGNALED(state));
		while (read(told, &synced, sizeof synced) == (ssize_t)sizeof synced)
			continue;
		close(told);
		s = suite_open(dir);
		EQ(s->ops->ident(s, &got), OK);
		TRUE(got.applied_lsn >= synced && got.applied_lsn > reached);
		reached = got.applied_lsn;
		for (int i = 0; i < VICTIM_ROWS; i++) {
			snprintf(key, sizeof key, "row%03d", i);
			snprintf(want, sizeof want, "%llu-%040d",
			    (unsigned long long)got.applied_lsn, i);
			EQ_STR(suite_get(s, key), want);
		}
		s->ops->close(s);
	}
}

CASE(a_full_disk_refuses_batches_and_forgives)
{
	int told, state;
	pid_t pid = victim("fills", suite_dir(), &told);

	EQ(waitpid(pid, &state, 0), pid);
	close(told);
	TRUE(WIFEXITED(state));
	if (WEXITSTATUS(state) == VICTIM_SKIPPED)
		check_skip("no right to mount a small file system");
	EQ(WEXITSTATUS(state), 0);
}

/* --- damage --- */

enum { DAMAGE_ROWS = 3000, DAMAGE_TRIALS = 240, DAMAGE_FILES = 64 };

/* Two thirds of all rows are there; the value follows from the key. */
static bool
damage_want(int i, char *value, size_t cap)
{
	snprintf(value, cap, "%d.%d", i * 7, i % 11);
	return i % 3 != 2;
}

static void
damage_make(const char *dir)
{
	struct meta_store *s = suite_open(dir);
	struct meta_ident ident = { .fence = SUITE_FENCE };
	char key[16], value[32];

	EQ(s->ops->claim(s, &ident), OK);
	for (int i = 0; i < DAMAGE_ROWS; i++) {
		snprintf(key, sizeof key, "d%05d", i);
		suite_put(&batch, key, "to be replaced by what counts");
		if (i % 500 == 499)
			EQ(suite_apply(s, &batch, (lsn_t)i), OK);
	}
	for (int i = 0; i < DAMAGE_ROWS; i++) {
		snprintf(key, sizeof key, "d%05d", i);
		if (damage_want(i, value, sizeof value))
			suite_put(&batch, key, value);
		else
			suite_del(&batch, key);
		if (i % 100 == 99)
			EQ(suite_apply(s, &batch, (lsn_t)(DAMAGE_ROWS + i)), OK);
	}
	s->ops->close(s);
}

struct files {
	char name[DAMAGE_FILES][300];
	int n;
};

/* All files below a folder but LevelDB's own diary and lock. */
static void
list_files(const char *dir, const char *below, struct files *f)
{
	char path[600];
	DIR *d;
	struct dirent *e;

	snprintf(path, sizeof path, "%s/%s", dir, below);
	d = opendir(path);
	TRUE(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, "LO", 2) == 0)
			continue;
		if (e->d_type == DT_DIR) {
			list_files(dir, e->d_name, f);
		} else if (f->n < DAMAGE_FILES) {
			snprintf(f->name[f->n++], sizeof f->name[0], "%.30s/%.250s", below,
			    e->d_name);
		}
	}
	closedir(d);
}

static uint8_t *
slurp(const char *dir, const char *name, size_t *len)
{
	char path[900];
	struct stat s;
	uint8_t *bytes;
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	TRUE(fd >= 0 && fstat(fd, &s) == 0);
	bytes = malloc((size_t)s.st_size + 1);
	EQ(read(fd, bytes, (size_t)s.st_size), s.st_size);
	close(fd);
	*len = (size_t)s.st_size;
	return bytes;
}

static void
spill(const char *dir, const char *name, const uint8_t *bytes, size_t len)
{
	char path[900];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	TRUE(fd >= 0);
	EQ(write(fd, bytes, len), len);
	close(fd);
}

/* A copy of the store with one bit flipped, or one file cut short; UINT64_MAX: as it is. */
static void
damaged_copy(const char *from, const char *to, const struct files *f, uint64_t trial)
{
	int victim_file = trial == UINT64_MAX ? -1 : (int)(trial % (uint64_t)f->n);
	char path[900];

	mkdir(to, 0700);
	for (int i = 0; i < f->n; i++) {
		size_t len;
		uint8_t *bytes = slurp(from, f->name[i], &len);
		char *slash = strrchr(f->name[i], '/');

		snprintf(path, sizeof path, "%s/%.*s", to, (int)(slash - f->name[i]), f->name[i]);
		mkdir(path, 0700);
		if (i == victim_file && len > 0) {
			if (trial % 5 == 4)
				len -= 1 + rand_u64() % MIN(len, (size_t)300);
			else
				bytes[rand_u64() % len] ^= (uint8_t)(1 << rand_u64() % 8);
		}
		spill(to, f->name[i], bytes, len);
		free(bytes);
	}
}

static bool
told_as_damage(enum status st)
{
	return st == ST_CORRUPT || st == ST_IO;
}

struct damage_scan {
	int next;
	bool wrong;
};

static bool
damage_row(void *arg, struct slice key, struct slice value)
{
	struct damage_scan *d = arg;
	char want_key[16], want[32];

	while (!damage_want(d->next, want, sizeof want))
		d->next++;
	snprintf(want_key, sizeof want_key, "d%05d", d->next++);
	d->wrong |= !slice_eq(key, slice_str(want_key)) || !slice_eq(value, slice_str(want));
	return !d->wrong;
}

/* Everything read is right, or said to be damaged; true where something was. */
static bool
damage_read(struct meta_store *s)
{
	struct damage_scan scan = { .next = 0 };
	char key[16], want[32];
	struct arena arena;
	enum status st = s->ops->scan(s, slice_str("d"), slice_of(NULL, 0), damage_row, &scan);
	bool found = st != OK;

	FALSE(scan.wrong);
	TRUE(st == OK || told_as_damage(st));
	if (st == OK)
		TRUE(scan.next >= DAMAGE_ROWS - 1);
	arena_init(&arena, NULL, 0, 1 << 20);
	for (int i = 0; i < DAMAGE_ROWS; i += 3 + (int)(rand_u64() % 5)) {
		bool there = damage_want(i, want, sizeof want);
		struct slice got;

		snprintf(key, sizeof key, "d%05d", i);
		st = s->ops->get(s, slice_str(key), &arena, &got);
		if (st == OK)
			TRUE(there && slice_eq(got, slice_str(want)));
		else if (st == ST_NOENT)
			FALSE(there);
		else
			TRUE(told_as_damage(st));
		found |= told_as_damage(st);
	}
	arena_rewind(&arena);
	return found;
}

CASE(damage_is_told_and_never_taken_for_absence)
{
	int refused = 0, found = 0, harmless = 0;
	struct files files = { .n = 0 };
	char from[512];

	rand_seed(11);
	snprintf(from, sizeof from, "%s", suite_dir());
	damage_make(from);
	list_files(from, ".", &files);
	TRUE(files.n >= 4);
	for (uint64_t trial = 0; trial < DAMAGE_TRIALS; trial++) {
		const char *to = suite_dir();
		struct meta_store *s = NULL;
		char why[512] = "";
		enum status st;

		damaged_copy(from, to, &files, trial);
		st = suite_try_open(to, &s, why, sizeof why);
		if (st != OK) {
			if (!told_as_damage(st))
				check_fail(__FILE__, __LINE__, "%s: %s: %s",
				    files.name[trial % (uint64_t)files.n], status_name(st), why);
			refused++;
			continue;
		}
		if (damage_read(s))
			found++;
		else
			harmless++;
		s->ops->close(s);
	}
	printf("# %d files, %d refused to open, %d found when read, %d harmless\n", files.n,
	    refused, found, harmless);
	TRUE(refused > DAMAGE_TRIALS / 10);
	TRUE(found > 0);
}

/*
 * LevelDB takes a record that claims to reach past its file's end for one that a crash cut short,
 * and forgets it with all behind it.  So each record's length is made to claim that, in turn.
 */
enum { LDB_BLOCK = 32768, LDB_HEAD = 7, LDB_TRIALS = 40 };

CASE(a_length_past_the_end_is_no_torn_end)
{
	struct files files = { .n = 0 };
	int records = 0, refused = 0;
	char from[512];

	if (strcmp(meta_factory.kind, "leveldb") != 0)
		check_skip("about LevelDB's logs");
	snprintf(from, sizeof from, "%s", suite_dir());
	damage_make(from);
	list_files(from, ".", &files);
	for (int i = 0; i < files.n; i++) {
		size_t len, at = 0;
		uint8_t *bytes = slurp(from, files.name[i], &len);
		bool log = strstr(files.name[i], "MANIFEST") || strstr(files.name[i], ".log");

		while (log && at + LDB_HEAD < len && records < LDB_TRIALS) {
			size_t next = at + LDB_HEAD + bytes[at + 4] + 256u * bytes[at + 5];
			const char *to = suite_dir();
			struct meta_store *s = NULL;
			char why[512];

			damaged_copy(from, to, &files, UINT64_MAX);
			bytes[at + 5] ^= 0x40;
			spill(to, files.name[i], bytes, len);
			bytes[at + 5] ^= 0x40;
			if (suite_try_open(to, &s, why, sizeof why) != OK) {
				refused++;
			} else {
				damage_read(s);
				s->ops->close(s);
			}
			records++;
			at = LDB_BLOCK - next % LDB_BLOCK < LDB_HEAD ?
			    next + LDB_BLOCK - next % LDB_BLOCK : next;
		}
		free(bytes);
	}
	TRUE(records > 5);
	EQ(refused, records);
}

CASE(a_store_without_its_first_file_is_no_fresh_one)
{
	struct files files = { .n = 0 };
	char dir[512], path[900], why[512];
	struct meta_store *s = NULL;

	snprintf(dir, sizeof dir, "%s", suite_dir());
	damage_make(dir);
	list_files(dir, ".", &files);
	for (int i = 0; i < files.n; i++)
		if (strstr(files.name[i], "CURRENT") != NULL) {
			snprintf(path, sizeof path, "%s/%s", dir, files.name[i]);
			EQ(unlink(path), 0);
			EQ(suite_try_open(dir, &s, why, sizeof why), ST_CORRUPT);
			return;
		}
	check_skip("this keeper has no such file");
}

enum { POWER_ROWS = 2000, POWER_HOLE = 512 };

/* Copy a store as a power loss may leave it: the running log has all sectors that were synced, and
 * behind them one is missing. */
static void
holed_copy(const char *from, const char *to, size_t synced)
{
	struct files files = { .n = 0 };
	char path[900];

	list_files(from, ".", &files);
	mkdir(to, 0700);
	for (int i = 0; i < files.n; i++) {
		char *slash = strrchr(files.name[i], '/');
		size_t len;
		uint8_t *bytes = slurp(from, files.name[i], &len);

		snprintf(path, sizeof path, "%s/%.*s", to, (int)(slash - files.name[i]),
		    files.name[i]);
		mkdir(path, 0700);
		if (strstr(files.name[i], ".log") != NULL && len > synced + 2 * POWER_HOLE)
			memset(bytes + synced, 0xa5, POWER_HOLE);
		spill(to, files.name[i], bytes, len);
		free(bytes);
	}
}

/* Wait until a store at work in the background has neither made, grown nor removed a file for a
 * while: what is copied before that is no state it was ever in. */
static void
settle(const char *dir)
{
	enum { TICK_MS = 10, STILL = 10 };
	uint64_t before = 0;

	for (int still = 0; still < STILL; still++) {
		struct files files = { .n = 0 };
		uint64_t now = 0;

		list_files(dir, ".", &files);
		for (int i = 0; i < files.n; i++) {
			char path[900];
			struct stat st;

			snprintf(path, sizeof path, "%s/%s", dir, files.name[i]);
			if (stat(path, &st) == 0)
				now = now * 31 + st.st_ino * 7 + (uint64_t)st.st_size;
		}
		if (now != before)
			still = 0;
		before = now;
		nanosleep(&(struct timespec){ .tv_nsec = TICK_MS * 1000000L }, NULL);
	}
}

static size_t
log_bytes(const char *dir)
{
	struct files files = { .n = 0 };
	size_t len = 0;

	list_files(dir, ".", &files);
	for (int i = 0; i < files.n; i++)
		if (strstr(files.name[i], ".log") != NULL)
			free(slurp(dir, files.name[i], &len));
	return len;
}

/* A log that is back is older than the last sync: its rows went to a table; what else is back? */
static void
refuses_old_log(const char *copy)
{
	struct files files = { .n = 0 };
	struct meta_store *s = NULL;
	char why[512], name[700] = "", path[1300];

	list_files(copy, ".", &files);
	for (int i = 0; i < files.n; i++)
		if (strstr(files.name[i], ".log") != NULL)
			snprintf(name, sizeof name, "%.*s/000001.log",
			    (int)(strrchr(files.name[i], '/') - files.name[i]), files.name[i]);
	spill(copy, name, (const uint8_t *)"damaged", 7);
	EQ(suite_try_open(copy, &s, why, sizeof why), ST_CORRUPT);
	snprintf(path, sizeof path, "%s/%s", copy, name);
	EQ(unlink(path), 0);
}

CASE(a_hole_in_what_was_not_synced_costs_nothing_that_was)
{
	char dir[512], copy[520], key[16], value[64];
	struct meta_store *s;
	struct meta_ident got;
	size_t synced;

	snprintf(dir, sizeof dir, "%s", suite_dir());
	snprintf(copy, sizeof copy, "%s.copy", dir);
	s = suite_open(dir);
	EQ(s->ops->claim(s, &(struct meta_ident){ .fence = SUITE_FENCE }), OK);
	suite_put(&batch, "kept", "synced");
	EQ(suite_apply(s, &batch, 10), OK);
	EQ(s->ops->sync(s), OK);
	settle(dir);
	synced = log_bytes(dir);
	if (synced == 0)
		check_skip("a store without a log of its own");
	for (int n = 0; n < 3 * POWER_ROWS; n++) {
		snprintf(key, sizeof key, "p%05d", n % POWER_ROWS);
		snprintf(value, sizeof value, "%040d", n / POWER_ROWS);
		suite_put(&batch, key, value);
		if (n % POWER_ROWS == POWER_ROWS - 1)
			EQ(suite_apply(s, &batch, 11 + (lsn_t)(n / POWER_ROWS)), OK);
	}
	settle(dir);
	holed_copy(dir, copy, synced);
	s->ops->close(s);
	refuses_old_log(copy);
	s = suite_open(copy);
	EQ(s->ops->ident(s, &got), OK);
	TRUE(got.applied_lsn >= 10);
	EQ_STR(suite_get(s, "kept"), "synced");
	s->ops->close(s);
}
