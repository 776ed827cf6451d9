/*
 * crash_recount - what a stopped server's share says of itself, counted anew.
 *
 * usage: crash_recount STORE FILES [OBJECTS]
 *   STORE    the folder in which the share's LevelDB lies
 *   FILES    what lies in its folder `containers`, a line each: bytes, a blank, a name
 *   OBJECTS  what its remote store has, the same way
 *
 * Knows nothing of ledger, reaper or sweep: it walks names, maps, leaves, chunks and containers and
 * adds up what they cite.  Wrong is each count that is not what is cited, each row that leads
 * nowhere or to which nothing leads, each live container that is in no place where its row has it,
 * each file and each object that no row names.  A line each of the first of them, then one of all.
 * Exit status: 0 nothing is wrong, 1 something is, 2 it could not be read.
 */
#include "backends/backends.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"
#include "pipeline/record/stored.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20, LINE = 2048, LEAF_ARENA = 1 << 20 };

enum cited_what {			/* beside enum count_what */
	CITED_NAMES = 0x80,		/* an inode, by names */
	CITED_SUBDIRS,			/* a directory, by directories in it */
	CITED_ENTRIES,			/* a directory, by names in it */
	CITED_OWNED,			/* a content, by an inode or a reap row */
};

struct cited {				/* something, and how often it is cited */
	uint8_t what, id[32];
	int64_t n;
};

struct container {
	uint64_t number, file;		/* bytes of its file; 0: none */
	struct container_row row;
	bool object;
};

static struct cited *cited;
static size_t ncited, cited_cap;
static struct container *containers;
static size_t ncontainers, containers_cap;
static char share_hex[33];	/* how its objects' names begin, behind the store's prefix */
static uint64_t rows[256];		/* by table */
static uint64_t counted, dying, reaps, objects, files, only_here, wrong;
static int64_t used_bytes, used_inodes, said_bytes, said_inodes;

static void __attribute__((format(printf, 1, 2)))
say(const char *fmt, ...)
{
	va_list ap;

	if (wrong++ >= SHOWN)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static unsigned long long
llu(uint64_t v)
{
	return v;
}

/* --- what is cited --- */

static void
cite(uint8_t what, const void *id, size_t len)
{
	struct cited *c;

	if (ncited == cited_cap) {
		cited_cap = MAX((size_t)4096, cited_cap * 2);
		cited = xrealloc(cited, cited_cap * sizeof *cited);
	}
	c = &cited[ncited++];
	*c = (struct cited){ .what = what, .n = 1 };
	memcpy(c->id, id, len);
}

static void
cite_number(uint8_t what, uint64_t number)
{
	uint8_t id[8];

	put_be64(id, number);
	cite(what, id, sizeof id);
}

static int
by_id(const void *a, const void *b)
{
	const struct cited *x = a, *y = b;

	return x->what != y->what ? x->what - y->what : memcmp(x->id, y->id, sizeof x->id);
}

static void
add_up(void)
{
	size_t n = 0;

	if (ncited > 0)
		qsort(cited, ncited, sizeof *cited, by_id);
	for (size_t i = 0; i < ncited; i++)
		if (n > 0 && by_id(&cited[n - 1], &cited[i]) == 0)
			cited[n - 1].n += cited[i].n;
		else
			cited[n++] = cited[i];
	ncited = n;
}

static int64_t
cited_times(uint8_t what, const void *id, size_t len)
{
	struct cited want = { .what = what }, *c;

	memcpy(want.id, id, MIN(len, sizeof want.id));
	c = ncited == 0 ? NULL : bsearch(&want, cited, ncited, sizeof want, by_id);
	return c == NULL ? 0 : c->n;
}

static int64_t
cited_number(uint8_t what, uint64_t number)
{
	uint8_t id[8];

	put_be64(id, number);
	return cited_times(what, id, sizeof id);
}

static uint64_t
cited_kinds(uint8_t what)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ncited; i++)
		n += cited[i].what == what;
	return n;
}

/* --- first walk: what the rows cite --- */

static enum status
gather_dirent(struct slice key, struct slice body)
{
	struct dirent d;
	enum status st = rec_dirent_decode(body, &d);
	uint64_t dir = get_be64(key.at + 1);

	if (st != OK || d.type == 0)
		return st;
	cite_number(CITED_NAMES, d.ino);
	cite_number(CITED_ENTRIES, dir);
	if (d.type == TYPE_DIR)
		cite_number(CITED_SUBDIRS, dir);
	return OK;
}

static enum status
gather_inode(struct slice key, struct slice body)
{
	struct file f;
	enum status st = rec_file_decode(body, &f);

	(void)key;
	if (st != OK)
		return st;
	used_inodes++;
	used_bytes += (int64_t)f.used;
	cite_number(CITED_OWNED, f.content);
	return OK;
}

static enum status
gather_map(struct slice key, struct slice body)
{
	uint64_t leaf;
	enum status st = rec_map_decode(body, &leaf);

	(void)key;
	if (st == OK)
		cite_number(COUNT_LEAF, leaf);
	return st;
}

static enum status
gather_leaf(struct slice key, struct slice body)
{
	struct leaf_piece *v = NULL;
	struct arena arena;
	enum status st;
	uint32_t n = 0;

	(void)key;
	arena_init(&arena, NULL, 0, LEAF_ARENA);
	st = rec_leaf_decode(body, &arena, &v, &n);
	for (uint32_t i = 0; i < n && st == OK; i++)
		if (!v[i].hole)
			cite(COUNT_CHUNK, v[i].digest, sizeof v[i].digest);
	arena_rewind(&arena);
	return st;
}

static enum status
gather_chunk(struct slice key, struct slice body)
{
	struct chunk c;
	enum status st = rec_chunk_decode(body, &c);

	(void)key;
	if (st == OK)
		cite_number(COUNT_CONTAINER, c.container);
	return st;
}

static enum status
gather_container(struct slice key, struct slice body)
{
	struct container *c;

	if (ncontainers == containers_cap) {
		containers_cap = MAX((size_t)1024, containers_cap * 2);
		containers = xrealloc(containers, containers_cap * sizeof *containers);
	}
	c = &containers[ncontainers++];
	*c = (struct container){ .number = get_be64(key.at + 1) };
	return rec_container_decode(body, &c->row);
}

/* Until the reaper has been there a leaf has the reference that its row takes away. */
static enum status
gather_reap(struct slice key, struct slice body)
{
	struct reap r;
	enum status st = rec_reap_decode(body, &r);

	(void)key;
	if (st == OK)
		cite_number(r.from_window == REAP_LEAF ? COUNT_LEAF : CITED_OWNED, r.content);
	reaps++;
	return st;
}

/* --- second walk: rows against it --- */

static enum status
hold_inode(struct slice key, struct slice body)
{
	struct file f;
	enum status st = rec_file_decode(body, &f);
	int64_t names, links;

	(void)key;
	if (st != OK)
		return st;
	names = cited_number(CITED_NAMES, f.ino);
	links = names;
	if (f.ino == INO_ROOT)
		names++;
	if (f.type == TYPE_DIR) {
		links = 2 + cited_number(CITED_SUBDIRS, f.ino);
		if (names != 1)
			say("directory %llu has %lld names", llu(f.ino), (long long)names);
		if (f.entries != cited_number(CITED_ENTRIES, f.ino))
			say("directory %llu says %u entries, %lld are there", llu(f.ino), f.entries,
			    (long long)cited_number(CITED_ENTRIES, f.ino));
	}
	if (names == 0 || f.nlink != links)
		say("inode %llu says %u links, %lld are there", llu(f.ino), f.nlink,
		    (long long)links);
	return OK;
}

static enum status
hold_map(struct slice key, struct slice body)
{
	uint64_t content = get_be64(key.at + 1);

	(void)body;
	if (cited_number(CITED_OWNED, content) == 0)
		say("a map of content %llu, which nobody has", llu(content));
	return OK;
}

static enum status
hold_leaf(struct slice key, struct slice body)
{
	(void)body;
	if (cited_times(COUNT_LEAF, key.at + 1, 8) == 0)
		say("leaf %llu, which nothing cites", llu(get_be64(key.at + 1)));
	return OK;
}

static enum status
hold_chunk(struct slice key, struct slice body)
{
	(void)body;
	if (cited_times(COUNT_CHUNK, key.at + 1, 32) == 0)
		say("chunk %016llx, which nothing cites", llu(get_be64(key.at + 1)));
	return OK;
}

static enum status
hold_count(struct slice key, struct slice body)
{
	int64_t said = body.len == 8 ? (int64_t)get_le64(body.at) : INT64_MIN, there;
	uint8_t what = key.len < 2 ? 0 : key.at[1];

	switch (what) {
	case COUNT_USED_BYTES:
		said_bytes = said;
		return OK;
	case COUNT_INODES:
		said_inodes = said;
		return OK;
	case COUNT_LEAF:
	case COUNT_CHUNK:
	case COUNT_CONTAINER:
		break;
	default:
		say("a count of %u", what);
		return OK;
	}
	counted++;
	there = cited_times(what, key.at + 2, key.len - 2);
	if (there != said || there == 0)
		say("count of %s %016llx is %lld, cited %lld times", what == COUNT_LEAF ? "leaf" :
		    what == COUNT_CHUNK ? "chunk" : "container", llu(get_be64(key.at + 2)),
		    (long long)said, (long long)there);
	return OK;
}

/* --- the walks --- */

struct walk {
	uint8_t tag;
	uint32_t key_len;		/* at least */
	const char *name;
	enum status (*gather)(struct slice key, struct slice body);
	enum status (*hold)(struct slice key, struct slice body);
};

static const struct walk walks[] = {
	{ TAG_INODE,	9,	"inode",	gather_inode,		hold_inode },
	{ TAG_DIRENT,	17,	"name",		gather_dirent,		NULL },
	{ TAG_MAP,	17,	"map row",	gather_map,		hold_map },
	{ TAG_LEAF,	9,	"leaf",		gather_leaf,		hold_leaf },
	{ TAG_CHUNK,	33,	"chunk",	gather_chunk,		hold_chunk },
	{ TAG_CONTAINER, 9,	"container",	gather_container,	NULL },
	{ TAG_REAP,	17,	"reap row",	gather_reap,		NULL },
	{ TAG_COUNT,	2,	"count",	NULL,			hold_count },
};

struct step {
	const struct walk *walk;
	bool second;
};

static bool
see(void *arg, struct slice key, struct slice value)
{
	const struct step *step = arg;
	const struct walk *w = step->walk;
	enum status (*look)(struct slice key, struct slice body) =
	    step->second ? w->hold : w->gather;
	struct stored row;

	rows[w->tag] += !step->second;
	if (key.len < w->key_len || stored_open(key, value, &row) != OK ||
	    (look != NULL && look(key, row.body) != OK))
		say("%s row %llu makes no sense", w->name, llu(rows[w->tag]));
	return true;
}

static void
walk_all(struct meta_store *s, bool second)
{
	for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
		struct step step = { &walks[i], second };

		if (s->ops->scan(s, slice_of(&walks[i].tag, 1), slice_of(NULL, 0), see, &step) !=
		    OK)
			say("the rows of %ss cannot be read to their end", walks[i].name);
	}
}

/* --- containers, their files, their objects --- */

static struct container *
container_of_number(uint64_t number)
{
	size_t low = 0, high = ncontainers;

	while (low < high) {		/* as scanned: in order */
		size_t at = low + (high - low) / 2;

		if (containers[at].number < number)
			low = at + 1;
		else
			high = at;
	}
	return low < ncontainers && containers[low].number == number ? &containers[low] : NULL;
}

static void
take_file(uint64_t bytes, const char *name)
{
	struct container *c = container_of_number(strtoull(name, NULL, 16));
	const char *end = strrchr(name, '.');

	if (end == NULL || (strcmp(end, ".dfc") != 0 && strcmp(end, ".dfp") != 0)) {
		say("a stranger among the containers: %s", name);
		return;
	}
	files++;
	if (c == NULL)
		say("file %s, which no row names", name);
	else if (strcmp(end, ".dfc") == 0)
		c->file = bytes;
}

/* share/c/fence-number */
static void
take_object(uint64_t bytes, const char *name)
{
	const char *place = strstr(name, "/c/"), *dash = place ? strchr(place, '-') : NULL;
	uint64_t fence = place ? strtoull(place + 3, NULL, 16) : 0;
	struct container *c = dash ? container_of_number(strtoull(dash + 1, NULL, 16)) : NULL;

	if (place == NULL || strstr(name, share_hex) == NULL)
		return;			/* wrapped keys, another share's */
	objects++;
	if (c == NULL || (c->row.fence != 0 && c->row.fence != fence)) {
		say("object %s, which no row names", name);
		return;
	}
	if (c->row.state == CONTAINER_LIVE && c->row.remote && bytes != c->row.bytes)
		say("object %s has %llu bytes, not %llu", name, llu(bytes), llu(c->row.bytes));
	c->object = true;
}

static bool
lines(const char *path, void (*take)(uint64_t bytes, const char *name))
{
	FILE *f = fopen(path, "r");
	char line[LINE], *name;

	if (f == NULL)
		return false;
	while (fgets(line, sizeof line, f) != NULL) {
		uint64_t bytes = strtoull(line, &name, 10);

		name[strcspn(name, "\n")] = '\0';
		if (*name == ' ')
			take(bytes, name + 1);
	}
	return fclose(f) == 0;
}

/* A row may call local what is gone already, where the remote has it: it is only a guess. */
static void
hold_container(const struct container *c, bool remote)
{
	const struct container_row *r = &c->row;
	int64_t n = cited_number(COUNT_CONTAINER, c->number);

	if (r->state == CONTAINER_DYING) {
		dying++;
		if (n != 0)
			say("container %016llx is dying, and %lld chunks lie there", llu(c->number),
			    (long long)n);
		return;
	}
	only_here += !r->remote;
	if (n == 0)
		say("container %016llx, in which no chunk lies", llu(c->number));
	if (c->file != 0 && c->file != r->bytes)
		say("the file of container %016llx has %llu bytes, not %llu", llu(c->number),
		    llu(c->file), llu(r->bytes));
	if (r->remote && remote && !c->object)
		say("container %016llx is remote, and not there", llu(c->number));
	if (c->file == 0 && !(r->remote && c->object))
		say("container %016llx is nowhere: local %d, remote %d, object %d", llu(c->number),
		    r->local, r->remote, c->object);
}

static void
hold_sums(void)
{
	static const struct { uint8_t tag, what; } there[] = { { TAG_LEAF, COUNT_LEAF },
		{ TAG_CHUNK, COUNT_CHUNK } };
	uint64_t kinds = cited_kinds(COUNT_LEAF) + cited_kinds(COUNT_CHUNK) +
	    cited_kinds(COUNT_CONTAINER);

	for (size_t i = 0; i < ARRAY_LEN(there); i++)
		if (cited_kinds(there[i].what) != rows[there[i].tag])
			say("%llu of table %#x are cited, %llu are there",
			    llu(cited_kinds(there[i].what)), there[i].tag, llu(rows[there[i].tag]));
	for (size_t i = 0; i < ncited; i++)
		if (cited[i].what == COUNT_CONTAINER &&
		    container_of_number(get_be64(cited[i].id)) == NULL)
			say("%lld chunks lie in container %016llx, which has no row",
			    (long long)cited[i].n, llu(get_be64(cited[i].id)));
	if (kinds != counted)
		say("%llu things are cited, %llu are counted", llu(kinds), llu(counted));
	if (cited_kinds(CITED_NAMES) + 1 != rows[TAG_INODE])
		say("%llu inodes have names, %llu are there beside the root",
		    llu(cited_kinds(CITED_NAMES)), llu(rows[TAG_INODE] - 1));
	if (used_inodes != said_inodes || used_bytes != said_bytes)
		say("%lld inodes with %lld bytes, counted %lld with %lld", (long long)used_inodes,
		    (long long)used_bytes, (long long)said_inodes, (long long)said_bytes);
}

int
main(int argc, char **argv)
{
	struct meta_store *store;
	struct meta_ident ident;
	char why[256];

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: crash_recount store files [objects]\n");
		return 2;
	}
	if (meta_store_open("leveldb", &(struct meta_conf){ .dir = argv[1] }, &store, why,
	    sizeof why) != OK) {
		fprintf(stderr, "crash_recount: %s\n", why);
		return 2;
	}
	if (store->ops->ident(store, &ident) != OK) {
		fprintf(stderr, "crash_recount: nobody's store\n");
		return 2;
	}
	for (int i = 0; i < 16; i++)
		snprintf(share_hex + 2 * i, 3, "%02x", ident.share_id[i]);
	walk_all(store, false);
	add_up();
	walk_all(store, true);
	store->ops->close(store);
	if (!lines(argv[2], take_file) || (argc == 4 && !lines(argv[3], take_object))) {
		fprintf(stderr, "crash_recount: the lists cannot be read\n");
		return 2;
	}
	for (size_t i = 0; i < ncontainers; i++)
		hold_container(&containers[i], argc == 4);
	hold_sums();
	printf("%llu inodes, %llu leaves, %llu chunks in %zu containers (%llu dying), %llu reap "
	       "rows, %llu files here, %llu only here, %llu objects, %llu wrong\n",
	    llu(rows[TAG_INODE]), llu(rows[TAG_LEAF]), llu(rows[TAG_CHUNK]), ncontainers,
	    llu(dying), llu(reaps), llu(files), llu(only_here), llu(objects), llu(wrong));
	return wrong == 0 && rows[TAG_INODE] > 0 ? 0 : 1;
}
