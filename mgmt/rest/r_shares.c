/*
 * Shares: rows that serve.  A change is made to serve inside its transaction, so that what cannot
 * be served is not kept.
 */
#include "mgmt/rest/live.h"

#include "mgmt/rest/remote.h"
#include "mgmt/shares/words.h"

#include "pipeline/base/log.h"
#include "pipeline/model/share_conf.h"

#include <string.h>

static const char *const extras[] = { "metadata_store_id", "local_block_store_id",
	"remote_block_store_id", "owner", "used_bytes", "files", "status", NULL };

/* --- showing --- */

/* The id of a store; "": there is none of that name. */
static const char *
store_id(struct rest_call *call, enum db_entity e, const char *name)
{
	struct rest_memo *m = &call->memo[REST_MEMOS - 1]; /* the last is for who finds no room */
	struct db_row store;

	for (int i = REST_MEMOS - 1; i >= 0; i--) {
		if (call->memo[i].name == NULL)
			m = &call->memo[i];
		else if (call->memo[i].entity == (int)e && strcmp(call->memo[i].name, name) == 0)
			return call->memo[i].id;
	}
	if (db_get(call->conn, e, NULL, name, &call->arena, &store) != OK)
		return "";
	*m = (struct rest_memo){ .entity = (int)e, .name = db_text(e, &store, "name") };
	memcpy(m->id, store.id, sizeof m->id);
	return m->id;
}

static void
put_store_id(struct rest_call *call, enum db_entity e, const struct db_row *share,
    const char *field, const char *as, struct rest_json *out)
{
	const char *name = db_text(DB_SHARE, share, field);
	const char *id = *name != '\0' ? store_id(call, e, name) : "";

	if (*id != '\0')
		rest_json_put_str(out, as, id);
	else
		rest_json_put_null(out, as);
}

/* A share of the file of settings has a store of that file, which no row can name. */
static void
put_file_remote(const char *share, struct rest_json *out)
{
	for (uint32_t i = 0; i < rest_state.conf.nfile_shares; i++) {
		const struct share_conf *s = &rest_state.conf.file_shares[i];

		if (strcmp(s->name, share) == 0 && s->remote[0] != '\0')
			rest_json_put_str(out, "remote_block_store", s->remote);
	}
}

static void
share_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	put_store_id(call, DB_META_STORE, row, "metadata_store", "metadata_store_id", out);
	put_store_id(call, DB_LOCAL_STORE, row, "local_block_store", "local_block_store_id", out);
	put_store_id(call, DB_REMOTE_STORE, row, "remote_block_store", "remote_block_store_id",
	    out);
	put_file_remote(db_text(DB_SHARE, row, "name"), out);
}

static void
share_live(const struct db_row *row, struct rest_json *out)
{
	struct rest_share_state s = { 0 };

	rest_live_look(row, &s);
	rest_json_put_int(out, "used_bytes", (int64_t)s.used_bytes);
	rest_json_put_int(out, "files", (int64_t)s.files);
	rest_json_put(out, "status", rest_live_status(row, &s));
}

/* --- creation --- */

/* A store's name from what the body says under either name, a name or an id. */
static bool
resolve(struct rest_call *call, struct db_row *share, enum db_entity e, const char *field,
    const char *as, struct db_row *store)
{
	const char *said = rest_json_get_str(call->body, field);

	if (said == NULL)
		said = rest_json_get_str(call->body, as);
	if (said == NULL)
		return rest_invalid_field(call, field, "is wanted: the name of a %s",
		    db_entity[e].noun);
	if (db_get(call->conn, e, NULL, said, &call->arena, store) != OK &&
	    db_get_by_id(call->conn, e, said, &call->arena, store) != OK)
		return rest_invalid_field(call, field, "there is no %s \"%.64s\"",
		    db_entity[e].noun, said);
	db_set_text(DB_SHARE, share, field, db_text(e, store, "name"));
	return true;
}

static bool
set_owner(struct rest_call *call, struct db_row *share)
{
	const char *owner = rest_json_get_str(call->body, "owner");
	struct db_row user;

	if (owner == NULL)
		return true;
	if (db_get(call->conn, DB_USER, NULL, owner, &call->arena, &user) != OK)
		return rest_invalid_field(call, "owner", "there is no user \"%.64s\"", owner);
	db_set_num(DB_SHARE, share, "owner_uid", db_num(DB_USER, &user, "uid"));
	db_set_num(DB_SHARE, share, "owner_gid", db_num(DB_USER, &user, "gid"));
	return true;
}

/* What the store asks of its shares is written down where the share does not say: it is settled
 * then. */
static bool
inherit(struct rest_call *call, struct db_row *row, const char *remote)
{
	struct db_value *encryption = &row->v[db_field_at(DB_SHARE, "encryption")];
	struct db_value *compression = &row->v[db_field_at(DB_SHARE, "compression")];
	struct store_spec spec;
	char why[300] = "";
	enum status st = rest_remote_spec(call->conn, remote, &call->arena, &spec, why, sizeof why);

	if (st != OK)
		return rest_invalid_field(call, "remote_block_store", "%s", why);
	if (encryption->is == DB_TEXT && strcmp(encryption->text, "none") == 0 &&
	    spec.encryption != 0)
		return rest_invalid_field(call, "encryption",
		    "its remote store %s asks for %s, and a share "
		    "may not do with less: leave it out, or name another cipher",
		    remote, shares_encryption_word(spec.encryption));
	if (encryption->is != DB_TEXT)
		db_set_text(DB_SHARE, row, "encryption", shares_encryption_word(spec.encryption));
	if (compression->is != DB_TEXT)
		db_set_text(DB_SHARE, row, "compression",
		    shares_compression_word(spec.compression));
	return true;
}

static bool
share_creating(struct rest_call *call, struct db_row *row)
{
	const char *remote = rest_json_get_str(call->body, "remote_block_store");
	struct db_row meta, local, far;

	if (remote == NULL)
		remote = rest_json_get_str(call->body, "remote_block_store_id");
	row->v[db_field_at(DB_SHARE, "remote_block_store")].is = DB_NULL;
	if (!resolve(call, row, DB_META_STORE, "metadata_store", "metadata_store_id", &meta) ||
	    !resolve(call, row, DB_LOCAL_STORE, "local_block_store", "local_block_store_id",
		&local))
		return false;
	if (strcmp(db_text(DB_LOCAL_STORE, &local, "type"), "memory") == 0 &&
	    strcmp(db_text(DB_META_STORE, &meta, "type"), "memory") != 0)
		return rest_invalid_field(call, "local_block_store",
		    "a block store in memory needs a metadata store in memory beside it");
	if (remote == NULL || *remote == '\0')
		return set_owner(call, row);
	if (!resolve(call, row, DB_REMOTE_STORE, "remote_block_store", "remote_block_store_id",
		&far) ||
	    !inherit(call, row, db_text(DB_REMOTE_STORE, &far, "name")))
		return false;
	if (strcmp(db_text(DB_REMOTE_STORE, &far, "type"), "memory") == 0 &&
	    strcmp(db_text(DB_META_STORE, &meta, "type"), "memory") != 0)
		return rest_invalid_field(call, "remote_block_store",
		    "a remote store in memory needs a metadata store in memory beside it");
	return set_owner(call, row);
}

static bool
open_or_say(struct rest_call *call, const struct db_row *row)
{
	char why[300];
	enum status st = rest_live_open(call->conn, &call->arena, row, why, sizeof why);

	if (st != OK)
		rest_problem(call,
		    st == ST_EXIST || st == ST_BUSY ? 409 :
			st == ST_INVAL              ? 422 :
						      503,
		    "share_failed", "mend what it names, then try again", "it cannot be served: %s",
		    why);
	return st == OK;
}

static bool
share_created(struct rest_call *call, const struct db_row *row)
{
	return open_or_say(call, row);
}

/* --- change --- */

static bool
ours(struct rest_call *call, const struct db_row *row)
{
	if (strcmp(db_text(DB_SHARE, row, "source"), "file") != 0)
		return true;
	rest_problem(call, 409, "from_file", "change the file, then restart the daemon",
	    "the share \"%s\" is defined in the file of settings", db_text(DB_SHARE, row, "name"));
	return false;
}

static bool
share_updating(struct rest_call *call, const struct db_row *old, struct db_row *change)
{
	(void)change;
	return ours(call, old);
}

/* Rules and tuning follow the row while the share serves. */
static bool
share_updated(struct rest_call *call, const struct db_row *old, const struct db_row *now)
{
	(void)old;
	return db_num(DB_SHARE, now, "enabled") == 0 ||
	    rest_live_rules(call, db_text(DB_SHARE, now, "name"));
}

static bool
share_removing(struct rest_call *call, const struct db_row *old)
{
	if (!ours(call, old))
		return false;
	if (rest_live_close(db_text(DB_SHARE, old, "name")) == OK)
		return true;
	rest_problem(call, 503, "share_failed", "try again", "the share \"%s\" does not close",
	    db_text(DB_SHARE, old, "name"));
	return false;
}

const struct rest_hooks rest_share_hooks = { .show = share_show, .live = share_live, .steady = true,
	.creating = share_creating,
	.created = share_created, .updating = share_updating, .updated = share_updated,
	.removing = share_removing, .extras = extras };

/* --- enable, disable, status --- */

static void
set_enabled(struct rest_call *call, bool on)
{
	struct db_row row, change = { 0 };
	const char *name;
	enum status st;

	if (!rest_row_find(call, DB_SHARE, &row) || !ours(call, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	db_set_num(DB_SHARE, &change, "enabled", on);
	st = db_update(call->conn, DB_SHARE, NULL, name, &change, 0);
	if (st == OK && !on)
		st = rest_live_close(name);
	if (st != OK) {
		rest_status(call, st, "share", name);
		return;
	}
	if (on) {
		struct rest_share_state s = { 0 };

		rest_state.conf.house->share_look(name, &s);
		if (s.open && !s.well && rest_live_close(name) == OK)
			s.open = false;
		if (!s.open && !open_or_say(call, &row))
			return;
	}
	rest_row_reply(call, DB_SHARE, NULL, name, 200);
}

void
rest_do_share_enable(struct rest_call *call)
{
	set_enabled(call, true);
}

void
rest_do_share_disable(struct rest_call *call)
{
	set_enabled(call, false);
}

void
rest_do_share_status(struct rest_call *call)
{
	struct rest_share_state s = { 0 };
	struct db_row row;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	rest_live_look(&row, &s);
	rest_json_reply(call, 200, rest_live_status(&row, &s));
}

static void
keys_refused(struct rest_call *call, enum status st, const char *name, const char *why)
{
	rest_problem(call, st == ST_INVAL || st == ST_NOENT ? 409 : 503, "key_not_changed",
	    "mend what it names, then try again", "the share \"%s\" keeps its keys as they are: %s",
	    name, why[0] ? why : status_text(st));
}

void
rest_do_share_rotate_key(struct rest_call *call)
{
	char why[400] = "";
	struct db_row row;
	uint32_t version;
	struct rest_json *out;
	const char *name;
	enum status st;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	st = rest_state.conf.house->share_rotate(name, &version, why, sizeof why);
	if (st != OK) {
		keys_refused(call, st, name, why);
		return;
	}
	out = rest_json_object();
	rest_json_put_str(out, "name", name);
	rest_json_put_int(out, "key_version", version);
	rest_json_reply(call, 200, out);
}

void
rest_do_share_rewrap_keys(struct rest_call *call)
{
	uint32_t rewrapped, keys;
	char why[400] = "";
	struct rest_json *out;
	struct db_row row;
	const char *name;
	enum status st;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	st = rest_state.conf.house->share_rewrap(name, &rewrapped, &keys, why, sizeof why);
	if (st != OK) {
		keys_refused(call, st, name, why);
		return;
	}
	out = rest_json_object();
	rest_json_put_str(out, "name", name);
	rest_json_put_int(out, "rewrapped", rewrapped);
	rest_json_put_int(out, "keys", keys);
	rest_json_reply(call, 200, out);
}
