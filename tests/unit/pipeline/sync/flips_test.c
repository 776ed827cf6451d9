/*
 * One bit is turned over somewhere in what a share keeps.  Then it is refused with a sentence, or
 * it serves: every byte read back is right, or the read fails; and after a scrub what had a second
 * copy is whole.  DITTOFS_FLIPS says how many bits a place (1); a table says what became of them.
 */
#include "backends/backends.h"
#include "backends/conf.h"
#include "pipeline/base/rand.h"
#include "pipeline/cache/page.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = REMOTE_PIECE, BLOCK = 1 << 16, PATIENCE = REMOTE_PATIENCE, LOOKS = 4000,
	PAGES = 8 << 20 };

struct outcome {
	unsigned flips, refused, clean, healed, eio, wrong;
};

static const struct place {
	const char *name, *files;	/* below the copy; share is its folder, far its bucket */
	bool twice;	/* there is a second copy: nothing may be lost after a scrub */
} places[] = {
	{ "journal segments", "share/journal/seg-*", false },
	{ "journal head", "share/journal/head", false },
	{ "containers", "share/containers/*.dfc", true },
	{ "parts", "share/containers/*.dfp", true },
	{ "bucket objects", "far/*/c/*", true },
	{ "leveldb log", "share/leveldb/*.log", false },
	{ "leveldb table", "share/leveldb/*.ldb", false },
	{ "leveldb MANIFEST", "share/leveldb/MANIFEST-*", false },
	{ "leveldb CURRENT", "share/leveldb/CURRENT", false },
};

static int patience = PATIENCE;	/* where nothing can be healed, errands may never end well */
static char base[400];			/* holds kept/ and now/, each with share/ and far/ */

static void
shell(const char *fmt, const char *a, const char *b)
{
	char line[1400];

	snprintf(line, sizeof line, fmt, a, b);
	EQ(system(line), 0);
}

static struct block_store *
folder(const char *path)
{
	const struct backends_pair option = { "path", path };
	struct block_store_conf conf = { &option, 1 };
	struct block_store *s = NULL;
	char why[200];

	EQ(block_store_open("fs", &conf, &s, why, sizeof why), OK);
	return s;
}

static void
sync_as(bool carve)
{
	sync_start(&(struct sync_conf){ .apply_ms = 100, .carve_age_ms = carve ? 200 : 3600000,
		.carve_at_percent = 25 });
}

static void
push(struct yard *y)
{
	struct sync_remote r = { .has = false };

	for (int i = 0; i < patience && !r.drained; i++) {
		sync_push_share(y->share);
		usleep(5000);
		sync_remote_look(y->share, &r);
	}
}

/* Contents in all places: 1 in the bucket and in parts, 2 in the bucket and whole here, 3 in the
 * journal alone. */
static void
make(struct yard *y)
{
	uint8_t *to = xmalloc(BLOCK);
	char path[600];

	yard_start();
	sync_as(true);
	yard_make(y, "leveldb");
	yard_close(y);
	snprintf(base, sizeof base, "%.380s.flips", y->dir);
	snprintf(path, sizeof path, "%s/kept/far", base);
	shell("rm -rf '%s' && mkdir -p '%s/kept/far'", base, base);
	y->remote = folder(path);
	yard_open(y, false);
	remote_noise(y, 1, 2);
	yard_drain(y);
	remote_evict(y);
	for (uint64_t at = 0; at < 2 * PIECE / BLOCK; at++)
		EQ(yard_read(y, 1, at * BLOCK, BLOCK, to), OK);
	remote_noise(y, 2, 2);
	yard_drain(y);
	(void)remote_push(y);
	yard_close(y);
	sync_as(false);
	yard_open(y, false);		/* what LevelDB has in its log becomes a table */
	remote_noise(y, 3, 1);
	yard_close(y);
	y->remote->ops->close(TAKE(&y->remote));
	shell("mv '%s' '%s/kept/share'", y->dir, base);
	snprintf(y->dir, sizeof y->dir, "%s/now/share", base);
	free(to);
}

struct flipped {
	char path[700];
	off_t at;
	uint8_t was;
};

/* Is it there again, as it was? */
static bool
restored(const struct flipped *f)
{
	int fd = open(f->path, O_RDONLY);
	uint8_t byte = 0;
	bool is = fd >= 0 && pread(fd, &byte, 1, f->at) == 1 && byte == f->was;

	if (fd >= 0)
		close(fd);
	return is;
}

/* A bit of a byte that is not zero, as long as there is one: what was never written is no place. */
static bool
flip(const char *files, struct flipped *f)
{
	char path[700];
	glob_t found;
	uint8_t byte = 0;
	struct stat sb;
	off_t at = 0;
	int fd;

	snprintf(path, sizeof path, "%s/now/%s", base, files);
	if (glob(path, 0, NULL, &found) != 0)
		return false;
	snprintf(f->path, sizeof f->path, "%s", found.gl_pathv[rand_u64() % found.gl_pathc]);
	globfree(&found);
	fd = open(f->path, O_RDWR);
	TRUE(fd >= 0 && fstat(fd, &sb) == 0);
	for (int i = 0; i < LOOKS && byte == 0 && sb.st_size > 0; i++) {
		at = (off_t)(rand_u64() % (uint64_t)sb.st_size);
		EQ(pread(fd, &byte, 1, at), 1);
	}
	f->at = at;
	f->was = byte;
	byte ^= (uint8_t)(1u << rand_u64() % 8);
	if (sb.st_size > 0)
		EQ(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	return sb.st_size > 0;
}

/* Blocks that cannot be read; each that can be is right. */
static unsigned
read_all(struct yard *y, struct outcome *o)
{
	uint8_t *to = xmalloc(BLOCK);
	unsigned bad = 0;

	for (uint64_t content = 1; content <= 3; content++)
		for (uint64_t at = 0; at < y->size[content - 1]; at += BLOCK) {
			if (yard_read(y, content, at, BLOCK, to) != OK)
				bad++;
			else
				o->wrong += memcmp(to, y->oracle[content - 1] + at, BLOCK) != 0;
		}
	free(to);
	return bad;
}

static struct sync_scrub
scrub(struct yard *y)
{
	struct sync_scrub r = { .state = SCRUB_RUNS };

	sync_scrub_begin(y->share, true);
	for (int i = 0; i < patience && (r.state == SCRUB_RUNS || r.state == SCRUB_WAITS); i++) {
		usleep(5000);
		sync_scrub_look(y->share, &r);
	}
	push(y);
	return r;
}

static void
let_go(struct yard *y)
{
	(void)!sync_close_share(y->share);
	(void)!block_close(y->share);
	block_free(y->share);
	share_put(&y->share);
}

static void
serve(struct yard *y, const struct place *p, const struct flipped *f, struct outcome *o)
{
	unsigned before = read_all(y, o), after;
	struct sync_scrub first = scrub(y), again = scrub(y);
	char why[256] = "";
	bool is;
	uint64_t found = first.local_damaged + first.remote_damaged + first.parts_damaged;

	let_go(y);
	page_stop();			/* what was read before the scrub */
	page_start(PAGES);
	if (yard_try_open(y, false, why, sizeof why) != OK) {
		TRUE(!p->twice && why[0] != '\0');
		o->refused++;		/* nobody needed it before */
		return;
	}
	after = read_all(y, o);
	let_go(y);
	if (p->twice) {
		EQ(after, 0);
		EQ(again.local_damaged + again.remote_damaged + again.chunks_lost, 0);
	}
	o->eio += after > 0;
	/* What a read has met is put back by that already. */
	is = found > 0 || before > 0 || (p->twice && restored(f));
	o->healed += after == 0 && is;
	o->clean += after == 0 && !is;
}

static void
round_of(struct yard *y, const struct place *p, struct outcome *o)
{
	char path[600], why[256] = "";
	struct flipped f;

	shell("rm -rf '%s/now' && cd '%s' && cp -a kept now", base, base);
	if (!flip(p->files, &f))
		return;
	o->flips++;
	snprintf(path, sizeof path, "%s/now/far", base);
	y->remote = folder(path);
	if (yard_try_open(y, false, why, sizeof why) == OK) {
		serve(y, p, &f, o);
	} else {
		TRUE(why[0] != '\0');	/* it says what is wrong */
		o->refused++;
	}
	y->remote->ops->close(TAKE(&y->remote));
	page_stop();
	page_start(PAGES);
}

CASE(one_flipped_bit_anywhere_is_never_data)
{
	const char *said = getenv("DITTOFS_FLIPS");
	unsigned each = said != NULL ? (unsigned)strtoul(said, NULL, 10) : 1, wrong = 0;
	struct yard y;

	make(&y);
	printf("# %-18s flips refused clean healed eio wrong\n", "place");
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct outcome o = { 0 };

		patience = places[i].twice ? PATIENCE : PATIENCE / 10;
		for (unsigned n = 0; n < each; n++)
			round_of(&y, &places[i], &o);
		printf("# %-18s %5u %7u %5u %6u %3u %5u\n", places[i].name, o.flips, o.refused,
		    o.clean, o.healed, o.eio, o.wrong);
		EQ(o.flips, each);
		wrong += o.wrong;
	}
	fflush(stdout);
	EQ(wrong, 0);
	shell("rm -rf '%s' %s", base, "");
	yard_end(&y);
	sync_as(true);
}
