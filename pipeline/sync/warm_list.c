/*
 * From a path to containers: names to inodes, files to map rows, leaves, chunks.  What changes
 * meanwhile is seen or not; what has gone is passed over.
 */
#include "pipeline/sync/warm_list.h"

#include "pipeline/block/block.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/rows.h"
#include "pipeline/record/key.h"

#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES_MAX = 1 << 14 };

struct numbers {
	uint64_t *v;
	size_t n, cap;
};

struct walk {
	struct share *share;
	struct numbers dirs, files, leaves, containers;
	struct slice name;		/* looked for; at NULL: all */
	uint64_t found;
	enum status st;
};

static void
add(struct numbers *s, uint64_t number)
{
	if (s->n > 0 && s->v[s->n - 1] == number)
		return;
	if (s->n == s->cap) {
		s->cap = MAX((size_t)256, s->cap * 2);
		s->v = xrealloc(s->v, s->cap * sizeof *s->v);
	}
	s->v[s->n++] = number;
}

static enum status
scan(struct walk *w, struct slice prefix, bool (*each)(void *arg, struct slice key,
    const struct version *v))
{
	enum status st = catalog_scan(w->share->catalog, prefix, slice_of(NULL, 0), true, each, w);

	return st == OK ? w->st : st;
}

/* --- names --- */

static bool
see_name(void *arg, struct slice key, const struct version *v)
{
	struct walk *w = arg;
	struct dirent d;

	(void)key;
	if ((w->st = rec_dirent_decode(v->body, &d)) != OK)
		return false;
	if (d.type == 0)
		return true;
	if (w->name.at == NULL)
		add(d.type == TYPE_DIR ? &w->dirs : &w->files, d.ino);
	else if (slice_eq(d.name, w->name))
		w->found = d.ino;
	return w->found == 0;
}

static enum status
look_up(struct walk *w, uint64_t dir, struct slice name, uint64_t *ino)
{
	struct key prefix = key_dirent_prefix(dir);
	enum status st;

	w->name = name;
	w->found = 0;
	st = scan(w, key_slice(&prefix), see_name);
	*ino = w->found;
	w->name = slice_of(NULL, 0);
	w->found = 0;
	return st == OK && *ino == 0 ? ST_NOENT : st;
}

static enum status
file_of(struct walk *w, uint64_t ino, uint8_t *type, uint64_t *content)
{
	struct key key = key_inode(ino);
	struct arena arena;
	struct version v;
	struct file f;
	enum status st;

	arena_init(&arena, NULL, 0, ROW_BYTES_MAX);
	st = catalog_get(w->share->catalog, key_slice(&key), true, &arena, &v);
	if (st == OK && !v.exists)
		st = ST_NOENT;
	if (st == OK && (st = rec_file_decode(v.body, &f)) == OK) {
		*type = f.type;
		*content = f.content;
	}
	arena_rewind(&arena);
	return st;
}

static enum status
resolve(struct walk *w, const char *path, uint64_t *ino)
{
	enum status st = OK;

	*ino = INO_ROOT;
	while (st == OK) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		st = look_up(w, *ino, slice_of(path, (uint32_t)len), ino);
		path += len;
	}
	return st;
}

/* --- contents --- */

static bool
see_map(void *arg, struct slice key, const struct version *v)
{
	struct walk *w = arg;
	uint64_t leaf;

	(void)key;
	w->st = rec_map_decode(v->body, &leaf);
	if (w->st == OK && leaf != 0)
		add(&w->leaves, leaf);
	return w->st == OK;
}

static enum status
see_chunk(struct walk *w, const struct leaf_piece *p)
{
	struct chunk chunk;
	enum status st = rows_chunk(w->share, p->digest, false, &chunk);

	if (st == OK)
		add(&w->containers, chunk.container);
	return st == ST_NOENT ? OK : st;
}

static enum status
see_content(struct walk *w, uint64_t content)
{
	struct key prefix = key_map_prefix(content);
	enum status st;

	w->leaves.n = 0;
	st = scan(w, key_slice(&prefix), see_map);
	for (size_t i = 0; i < w->leaves.n && st == OK; i++) {
		struct leaf *leaf = NULL;

		st = leaf_get(block_leaves(w->share), w->share->catalog, w->leaves.v[i], true,
		    &leaf);
		if (st == ST_NOENT) {
			st = OK;
			continue;
		}
		for (uint32_t k = 0; st == OK && k < leaf->n; k++)
			if (!leaf->v[k].hole)
				st = see_chunk(w, &leaf->v[k]);
		leaf_put(&leaf);
	}
	return st;
}

static enum status
see_files(struct walk *w)
{
	enum status st = OK;

	for (size_t i = 0; i < w->files.n && st == OK; i++) {
		uint64_t content = 0;
		uint8_t type = 0;

		st = file_of(w, w->files.v[i], &type, &content);
		if (st == OK && type == TYPE_REG && content != 0)
			st = see_content(w, content);
		if (st == ST_NOENT)
			st = OK;
	}
	w->files.n = 0;
	return st;
}

static enum status
below(struct walk *w, const char *path)
{
	uint64_t ino, content;
	uint8_t type;
	enum status st = resolve(w, path, &ino);

	if (st == OK)
		st = file_of(w, ino, &type, &content);
	if (st != OK)
		return st;
	add(type == TYPE_DIR ? &w->dirs : &w->files, ino);
	if ((st = see_files(w)) != OK)
		return st;
	for (size_t i = 0; i < w->dirs.n && st == OK; i++) {
		struct key prefix = key_dirent_prefix(w->dirs.v[i]);

		st = scan(w, key_slice(&prefix), see_name);
		if (st == OK)
			st = see_files(w);
	}
	return st;
}

/* --- containers --- */

static void
list_add(struct warm_list *l, uint64_t number, const struct container_row *c)
{
	if (c->state != CONTAINER_LIVE || !c->remote)
		return;
	if (l->n == l->cap) {
		l->cap = MAX((size_t)64, l->cap * 2);
		l->v = xrealloc(l->v, l->cap * sizeof *l->v);
	}
	l->v[l->n++] = (struct warm_item){ number, c->bytes };
}

static bool
see_container(void *arg, const struct container_seen *c)
{
	list_add(arg, c->number, &c->row);
	return true;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Each once, where the remote has it. */
static enum status
list_from(struct warm_list *l, struct walk *w)
{
	struct numbers *s = &w->containers;
	enum status st = OK;

	if (s->n > 0)
		qsort(s->v, s->n, sizeof *s->v, by_number);
	for (size_t i = 0; i < s->n && st == OK; i++) {
		struct container_row c;

		if (i > 0 && s->v[i] == s->v[i - 1])
			continue;
		st = rows_container(w->share, s->v[i], &c, NULL);
		if (st == OK)
			list_add(l, s->v[i], &c);
		if (st == ST_NOENT)
			st = OK;
	}
	return st;
}

enum status
warm_list_fill(struct warm_list *l, struct share *s, const char *path)
{
	struct walk w = { .share = s };
	enum status st;

	l->n = 0;
	if (path[strspn(path, "/")] == '\0')
		return rows_containers(s, 0, see_container, l);
	st = below(&w, path);
	if (st == OK)
		st = list_from(l, &w);
	free(w.dirs.v);
	free(w.files.v);
	free(w.leaves.v);
	free(w.containers.v);
	return st;
}
