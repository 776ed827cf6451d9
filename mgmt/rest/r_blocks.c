/*
 * A share's blocks: what lies where, and what is on its way.  Nothing here waits for a store: who
 * wants to see an end asks again.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"
#include "pipeline/sync/sync.h"

#include <stdio.h>
#include <string.h>

/* In hundredths: of what there would be to what there is; null where there is nothing yet. */
static void
ratio(struct rest_json *j, const char *key, uint64_t whole, uint64_t is)
{
	char text[32];

	if (is == 0) {
		rest_json_put_null(j, key);
		return;
	}
	whole = whole * 100 / is;
	snprintf(text, sizeof text, "%llu.%02llu", (unsigned long long)whole / 100,
	    (unsigned long long)whole % 100);
	rest_json_put_str(j, key, text);
}

static struct rest_json *
blocks_json(const char *name, const struct sync_remote *r)
{
	struct rest_json *j = rest_json_object();

	rest_json_put_str(j, "share", name);
	rest_json_put_bool(j, "has_remote", r->has);
	rest_json_put_bool(j, "drained", r->drained);
	rest_json_put_bool(j, "remote_healthy", !r->away);
	rest_json_put_int(j, "outage_duration_seconds", (int64_t)(r->away_ms / 1000));
	rest_json_put_int(j, "unsynced_bytes", (int64_t)r->dirty_bytes);
	rest_json_put_int(j, "local_disk_used", (int64_t)(r->local_bytes + r->part_bytes));
	rest_json_put_int(j, "local_whole_bytes", (int64_t)r->local_bytes);
	rest_json_put_int(j, "local_part_bytes", (int64_t)r->part_bytes);
	rest_json_put_int(j, "pending_uploads", (int64_t)r->pending);
	rest_json_put_int(j, "pending_bytes", (int64_t)r->pending_bytes);
	rest_json_put_int(j, "refused", (int64_t)r->refused);
	rest_json_put_int(j, "running_uploads", (int64_t)r->running);
	rest_json_put_int(j, "uploads_at_once", (int64_t)r->at_once);
	rest_json_put_int(j, "puts", (int64_t)r->puts);
	rest_json_put_int(j, "completed_syncs", (int64_t)r->uploaded);
	rest_json_put_int(j, "completed_bytes", (int64_t)r->uploaded_bytes);
	rest_json_put_int(j, "failed_syncs", (int64_t)r->retries);
	rest_json_put_int(j, "deleted", (int64_t)r->deleted);
	rest_json_put_int(j, "damaged", (int64_t)r->damaged);
	rest_json_put_int(j, "packed_bytes", (int64_t)r->packed_bytes);
	rest_json_put_int(j, "stored_bytes", (int64_t)r->stored_bytes);
	rest_json_put_int(j, "known_bytes", (int64_t)r->known_bytes);
	ratio(j, "compression_ratio", r->packed_bytes, r->stored_bytes);
	ratio(j, "dedup_ratio", r->packed_bytes + r->known_bytes, r->packed_bytes);
	rest_json_put_int(j, "evicted", (int64_t)r->evicted);
	rest_json_put_int(j, "keys", (int64_t)r->keys);
	rest_json_put_int(j, "keys_in_remote", (int64_t)r->keys_remote);
	rest_json_put_int(j, "keys_other", (int64_t)r->keys_other);
	rest_json_put_str(j, "last_error", r->text);
	return j;
}

/* The share that the path names, with what the house says of it; false: said why not. */
static bool
find(struct rest_call *call, enum blocks_do what, struct db_row *row, struct sync_remote *r)
{
	if (!rest_row_find(call, DB_SHARE, row))
		return false;
	if (rest_state.conf.house->share_blocks(db_text(DB_SHARE, row, "name"), what, r))
		return true;
	rest_problem(call, 409, "not_open", "dfsctl share enable",
	    "the share \"%s\" does not serve", db_text(DB_SHARE, row, "name"));
	return false;
}

void
rest_do_blocks_stats(struct rest_call *call)
{
	struct sync_remote r;
	struct db_row row;

	if (find(call, BLOCKS_LOOK, &row, &r))
		rest_json_reply(call, 200, blocks_json(db_text(DB_SHARE, &row, "name"), &r));
}

static void
evict_refused(struct rest_call *call, const char *name, enum status st)
{
	switch (st) {
	case ST_NOTSUPP:
		rest_problem(call, 409, "no_remote", NULL,
		    "the share \"%s\" has no remote store, or one that forgets: its local "
		    "containers are all there is", name);
		return;
	case ST_PERM:
		rest_problem(call, 409, "pinned", "dfsctl share edit NAME --retention lru",
		    "the share \"%s\" is pinned: what is here stays here", name);
		return;
	case ST_NOPATH:
		rest_problem(call, 404, "not_found", NULL,
		    "there is no such path in the share \"%s\"", name);
		return;
	case ST_NOENT:
		rest_problem(call, 409, "not_open", "dfsctl share enable",
		    "the share \"%s\" does not serve", name);
		return;
	default:
		rest_status(call, st, "share", name);
	}
}

void
rest_do_blocks_evict(struct rest_call *call)
{
	const char *path = rest_query(call, "path"), *older = rest_query(call, "older_than");
	uint64_t idle_s = 0;
	struct sync_remote r;
	struct db_row row;
	const char *name;
	enum status st;

	if (older != NULL && !text_seconds(older, &idle_s)) {
		rest_invalid_field(call, "older_than", "must be a duration, as in 72h");
		return;
	}
	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	st = rest_state.conf.house->share_evict(name, path != NULL ? path : "", idle_s, &r);
	if (st == OK)
		rest_json_reply(call, 202, blocks_json(name, &r));
	else
		evict_refused(call, name, st);
}

/* --- scrub --- */

static struct rest_json *
scrub_json(const char *name, const struct sync_scrub *r)
{
	static const char *const states[] = { [SCRUB_NEVER] = "never", [SCRUB_RUNS] = "running",
		[SCRUB_WAITS] = "waiting", [SCRUB_DONE] = "done", [SCRUB_STOPPED] = "stopped",
		[SCRUB_FAILED] = "failed" };
	struct rest_json *j = rest_json_object();

	rest_json_put_str(j, "share", name);
	rest_json_put_str(j, "state", states[r->state]);
	rest_json_put_bool(j, "remote", r->remote);
#define SCRUB_COUNT(member) rest_json_put_int(j, #member, (int64_t)r->member);
#include "pipeline/sync/scrub.def"
#undef SCRUB_COUNT
	rest_json_put_int(j, "started_at", (int64_t)(r->started_ns / NS_PER_S));
	rest_json_put_int(j, "ended_at", (int64_t)(r->ended_ns / NS_PER_S));
	rest_json_put_str(j, "error", r->text);
	return j;
}

static void
scrub_do(struct rest_call *call, enum scrub_do what)
{
	struct sync_scrub r;
	struct db_row row;
	const char *name;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	if (!rest_state.conf.house->share_scrub(name, what, &r))
		rest_problem(call, 409, "not_open", "dfsctl share enable",
		    "the share \"%s\" does not serve", name);
	else if (what == SCRUB_END)
		rest_no_content(call);
	else
		rest_json_reply(call, what == SCRUB_LOOK ? 200 : 202, scrub_json(name, &r));
}

void
rest_do_scrub_look(struct rest_call *call)
{
	scrub_do(call, SCRUB_LOOK);
}

struct asked {
	bool remote, good;
};

static bool
read_asked(const char *key, const struct rest_json *value, void *arg)
{
	enum rest_json_kind kind = rest_json_kind(value);
	struct asked *a = arg;

	a->good = strcmp(key, "remote") == 0 && (kind == REST_TRUE || kind == REST_FALSE);
	a->remote = kind == REST_TRUE;
	return a->good;
}

void
rest_do_scrub_begin(struct rest_call *call)
{
	struct asked a = { .good = true };

	rest_json_each(call->body, read_asked, &a);
	if (a.good)
		scrub_do(call, a.remote ? SCRUB_BEGIN_REMOTE : SCRUB_BEGIN);
	else
		rest_invalid_field(call, "remote", "true or false, and nothing else");
}

void
rest_do_scrub_end(struct rest_call *call)
{
	scrub_do(call, SCRUB_END);
}

/* --- compaction --- */

static struct rest_json *
compaction_json(const char *name, const struct sync_compaction *c)
{
	struct rest_json *j = rest_json_object();
	uint64_t all = c->end > c->from ? c->end - c->from : 0,
		 done = c->at > c->from ? c->at - c->from : 0;

	rest_json_put_str(j, "share", name);
	rest_json_put_str(j, "state", c->asked ? "asked" : c->running ? "running" : "idle");
	rest_json_put_bool(j, "old_keys", c->old_keys);
	rest_json_put_int(j, "percent", !c->asked && !c->running ? 100 : all == 0 ? 0 :
	    (int64_t)(done * 100 / all));
	rest_json_put_int(j, "containers_emptied", (int64_t)c->emptied);
	rest_json_put_int(j, "containers_left", (int64_t)c->left);
	rest_json_put_int(j, "containers_damaged", (int64_t)c->damaged);
	rest_json_put_int(j, "read_bytes", (int64_t)c->read_bytes);
	rest_json_put_int(j, "written_bytes", (int64_t)c->written_bytes);
	rest_json_put_str(j, "waits_for", c->waits == NULL ? "" : c->waits);
	return j;
}

static void
compaction(struct rest_call *call, enum compact_do what, int code)
{
	struct sync_compaction c;
	struct db_row row;
	const char *name;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	if (rest_state.conf.house->share_compact(name, what, &c))
		rest_json_reply(call, code, compaction_json(name, &c));
	else
		rest_problem(call, 409, "not_open", "dfsctl share enable",
		    "the share \"%s\" does not serve", name);
}

void
rest_do_compaction(struct rest_call *call)
{
	compaction(call, COMPACT_LOOK, 200);
}

void
rest_do_share_compact(struct rest_call *call)
{
	compaction(call, COMPACT_NOW, 202);
}

void
rest_do_share_rotate_containers(struct rest_call *call)
{
	compaction(call, COMPACT_OLD_KEYS, 202);
}

/* --- draining --- */

struct sum {
	struct rest_json *list;
	bool drained;
	uint64_t pending, bytes, dirty;
};

static void
add_share(const char *name, const struct sync_remote *r, void *arg)
{
	struct sum *s = arg;

	s->drained &= r->drained;
	s->pending += r->pending;
	s->bytes += r->pending_bytes;
	s->dirty += r->dirty_bytes;
	rest_json_add(s->list, blocks_json(name, r));
}

void
rest_do_drain_uploads(struct rest_call *call)
{
	struct sum s = { .list = rest_json_array(), .drained = true };
	struct rest_json *out = rest_json_object();

	rest_state.conf.house->drain(add_share, &s);
	rest_json_put_bool(out, "drained", s.drained);
	rest_json_put_int(out, "pending_uploads", (int64_t)s.pending);
	rest_json_put_int(out, "pending_bytes", (int64_t)s.bytes);
	rest_json_put_int(out, "unsynced_bytes", (int64_t)s.dirty);
	rest_json_put(out, "shares", s.list);
	rest_json_reply(call, 200, out);
}
