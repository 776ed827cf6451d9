/*
 * Rules are arrays, sorted when they are whole and searched by halves.
 */
#include "pipeline/share/rules.h"

#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

struct share_rules *
rules_new(const struct share_conf *conf)
{
	struct share_rules *r = xcalloc(1, sizeof *r);

	assert(conf->nrules <= EXPORT_RULES_MAX);
	ref_init(&r->refs);
	r->read_only = conf->read_only;
	r->anon_uid = conf->anon_uid;
	r->anon_gid = conf->anon_gid;
	r->nrules = conf->nrules;
	memcpy(r->rules, conf->rules, conf->nrules * sizeof conf->rules[0]);
	return r;
}

void
rules_gate(struct share_rules *r, enum share_level others)
{
	r->gated = true;
	r->level = (uint8_t)others;
}

void
rules_grant(struct share_rules *r, enum rules_kind kind, uint32_t id, enum share_level level)
{
	if (r->ngrants == r->grants_room) {
		r->grants_room = r->grants_room * 2 + 8;
		r->grants = xrealloc(r->grants, r->grants_room * sizeof *r->grants);
	}
	r->grants[r->ngrants++] = (struct rules_grant){ id, (uint8_t)kind, (uint8_t)level };
}

static struct rules_map *
map_of(struct share_rules *r, uint32_t from)
{
	for (size_t i = 0; i < r->nmaps; i++)
		if (r->maps[i].from == from)
			return &r->maps[i];
	return NULL;
}

void
rules_map(struct share_rules *r, uint32_t from, uint32_t uid, uint32_t gid)
{
	struct rules_map *m = map_of(r, from);

	if (m == NULL && r->nmaps == r->maps_room) {
		r->maps_room = r->maps_room * 2 + 4;
		r->maps = xrealloc(r->maps, r->maps_room * sizeof *r->maps);
	}
	if (m == NULL)
		m = &r->maps[r->nmaps++];
	*m = (struct rules_map){ .from = from, .uid = uid, .gid = gid };
}

void
rules_map_group(struct share_rules *r, uint32_t from, uint32_t gid)
{
	struct rules_map *m = map_of(r, from);

	if (m != NULL && m->ngids < RULES_MAP_GIDS)
		m->gids[m->ngids++] = gid;
}

/* Groups last; by number; what speaks loudest first, then the highest level. */
static int
by_place(const void *a, const void *b)
{
	const struct rules_grant *x = a, *y = b;

	if ((x->kind == RULES_GROUP) != (y->kind == RULES_GROUP))
		return x->kind == RULES_GROUP ? 1 : -1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return y->level - x->level;
}

static int
by_from(const void *a, const void *b)
{
	const struct rules_map *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* One a number: the first that by_place puts there. */
void
rules_seal(struct share_rules *r)
{
	size_t kept = 0;

	if (r->ngrants > 0)
		qsort(r->grants, r->ngrants, sizeof *r->grants, by_place);
	if (r->nmaps > 0)
		qsort(r->maps, r->nmaps, sizeof *r->maps, by_from);
	for (size_t i = 0; i < r->ngrants; i++) {
		const struct rules_grant *g = &r->grants[i];
		bool group = g->kind == RULES_GROUP;

		if (kept > 0 && r->grants[kept - 1].id == g->id &&
		    (r->grants[kept - 1].kind == RULES_GROUP) == group)
			continue;
		r->grants[kept++] = *g;
	}
	r->ngrants = kept;
	r->groups_from = 0;
	while (r->groups_from < kept && r->grants[r->groups_from].kind != RULES_GROUP)
		r->groups_from++;
}

struct share_rules *
rules_copy(const struct share_rules *r)
{
	struct share_rules *c = xcalloc(1, sizeof *c);

	memcpy(c, r, sizeof *c);
	ref_init(&c->refs);
	c->grants = xcalloc(r->ngrants + 1, sizeof *c->grants);
	c->maps = xcalloc(r->nmaps + 1, sizeof *c->maps);
	c->grants_room = r->ngrants + 1;
	c->maps_room = r->nmaps + 1;
	if (r->ngrants > 0)
		memcpy(c->grants, r->grants, r->ngrants * sizeof *r->grants);
	if (r->nmaps > 0)
		memcpy(c->maps, r->maps, r->nmaps * sizeof *r->maps);
	return c;
}

struct share_rules *
rules_ref(struct share_rules *r)
{
	ref_take(&r->refs);
	return r;
}

void
rules_put(struct share_rules **rp)
{
	struct share_rules *r = TAKE(rp);

	if (r == NULL || !ref_drop(&r->refs))
		return;
	free(r->grants);
	free(r->maps);
	free(r);
}

static void
put_now(struct epoch_entry *e)
{
	rules_put(&(struct share_rules *){ container_of(e, struct share_rules, epoch) });
}

void
rules_put_late(struct share_rules **rp)
{
	struct share_rules *r = TAKE(rp);

	if (r != NULL)
		epoch_defer(&r->epoch, put_now);
}

const struct rules_map *
rules_mapped(const struct share_rules *r, uint32_t uid)
{
	struct rules_map key = { .from = uid };

	return r->nmaps == 0 ? NULL : bsearch(&key, r->maps, r->nmaps, sizeof key, by_from);
}

static const struct rules_grant *
find(const struct rules_grant *v, size_t n, uint32_t id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (v[mid].id == id)
			return &v[mid];
		if (v[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

enum share_level
rules_level(const struct share_rules *r, uint32_t uid, uint32_t gid, const uint32_t *gids,
    uint32_t ngids)
{
	const struct rules_grant *g = find(r->grants, r->groups_from, uid);
	const struct rules_grant *groups = r->grants + r->groups_from;
	size_t ngroups = r->ngrants - r->groups_from;
	bool named = g != NULL;
	uint8_t best = named ? g->level : LEVEL_NONE;

	if (named && g->kind == RULES_DISABLED)
		return LEVEL_NONE;
	if (named && g->kind == RULES_USER)
		return (enum share_level)best;
	for (uint32_t i = 0; ngroups > 0 && i <= ngids; i++) {
		g = find(groups, ngroups, i < ngids ? gids[i] : gid);
		if (g == NULL)
			continue;
		named = true;
		best = MAX(best, g->level);
	}
	return (enum share_level)(named ? best : r->level);
}
