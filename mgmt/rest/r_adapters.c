/*
 * Adapters: which protocols listen; and netgroups, which their rules name.
 */
#include "mgmt/rest/live.h"

#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <string.h>

static const char *const adapter_extras[] = { "running", NULL };
static const char *const netgroup_extras[] = { "members", NULL };

static void
adapter_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	(void)call;
	rest_json_put_bool(out, "running",
	    rest_state.conf.house->adapter_runs(db_text(DB_ADAPTER, row, "type")));
}

static enum status
apply(const struct db_row *row, char *why, size_t cap)
{
	why[0] = '\0';
	return rest_state.conf.house->adapter_set(db_text(DB_ADAPTER, row, "type"),
	    db_num(DB_ADAPTER, row, "enabled") != 0, (uint16_t)db_num(DB_ADAPTER, row, "port"), why,
	    cap);
}

static bool
adapter_created(struct rest_call *call, const struct db_row *row)
{
	char why[300];
	enum status st = apply(row, why, sizeof why);

	if (st != OK)
		rest_problem(call, st == ST_NOTSUPP ? 501 : 409, "adapter_failed",
		    "is another server on that port? choose one with --port",
		    "%s does not listen: %s", db_text(DB_ADAPTER, row, "type"),
		    why[0] != '\0' ? why : status_text(st));
	return st == OK;
}

static bool
adapter_updated(struct rest_call *call, const struct db_row *old, const struct db_row *now)
{
	char why[300];

	if (adapter_created(call, now))
		return true;
	if (apply(old, why, sizeof why) != OK)
		log_error("rest.adapter", F_STR("type", db_text(DB_ADAPTER, old, "type")),
		    F_STR("why", why));
	return false;
}

static bool
adapter_removing(struct rest_call *call, const struct db_row *old)
{
	struct db_row off = *old;

	db_set_num(DB_ADAPTER, &off, "enabled", 0);
	return adapter_created(call, &off);
}

const struct rest_hooks rest_adapter_hooks = { .show = adapter_show, .created = adapter_created,
	.updated = adapter_updated, .removing = adapter_removing, .extras = adapter_extras };

struct adapters {
	struct db_row row[8];
	int n;
};

static void
note_adapter(const struct db_row *row, void *arg)
{
	struct adapters *a = arg;

	if (a->n < (int)ARRAY_LEN(a->row))
		a->row[a->n++] = *row;
}

static enum status
adapters_read(struct db_conn *c, struct arena *arena, struct adapters *a)
{
	struct db_list all = { .limit = DB_LIST_MAX };

	a->n = 0;
	return db_list(c, DB_ADAPTER, &all, arena, note_adapter, a);
}

void
rest_do_adapter_ports(struct rest_call *call)
{
	struct rest_json *list;
	struct adapters a;
	enum status st = adapters_read(call->conn, &call->arena, &a);

	if (st != OK) {
		rest_status(call, st, "adapters", "");
		return;
	}
	list = rest_json_array();
	for (int i = 0; i < a.n; i++) {
		struct rest_json *one = rest_json_object();

		rest_json_put_str(one, "type", db_text(DB_ADAPTER, &a.row[i], "type"));
		rest_json_put_int(one, "port", db_num(DB_ADAPTER, &a.row[i], "port"));
		rest_json_put_bool(one, "enabled", db_num(DB_ADAPTER, &a.row[i], "enabled") != 0);
		adapter_show(call, &a.row[i], one);
		rest_json_add(list, one);
	}
	rest_json_reply(call, 200, list);
}

enum status
rest_adapters_boot(void)
{
	struct adapters a = { .n = 0 };
	struct arena arena;
	struct db_conn *c;
	char why[300];
	enum status st = db_begin(rest_state.db, false, &c), ended;

	if (st != OK)
		return st;
	arena_init(&arena, NULL, 0, 64 << 10);
	st = adapters_read(c, &arena, &a);
	ended = db_end(&c, false);
	for (int i = 0; i < a.n; i++)
		if (apply(&a.row[i], why, sizeof why) != OK)
			log_error("rest.adapter",
			    F_STR("type", db_text(DB_ADAPTER, &a.row[i], "type")),
			    F_STR("why", why));
	arena_rewind(&arena);
	return st != OK ? st : ended;
}

enum status
rest_adapters_note(void)
{
	struct db_row row = { 0 };
	struct db_conn *c;
	enum status st = db_begin(rest_state.db, true, &c), ended;

	if (st != OK)
		return st;
	db_set_num(DB_ADAPTER, &row, "enabled", 1);
	db_set_num(DB_ADAPTER, &row, "port", rest_state.conf.nfs_port);
	st = db_update(c, DB_ADAPTER, NULL, "nfs", &row, 0);
	if (st == ST_NOENT) {
		db_set_text(DB_ADAPTER, &row, "type", "nfs");
		st = db_insert(c, DB_ADAPTER, &row);
	}
	ended = db_end(&c, st == OK);
	return st != OK ? st : ended;
}

/* --- netgroups --- */

static void
add_member(const struct db_row *row, void *arg)
{
	struct rest_json *one = rest_json_object();

	rest_json_put_str(one, "id", row->id);
	rest_json_put_str(one, "type", db_text(DB_NETGROUP_MEMBER, row, "type"));
	rest_json_put_str(one, "value", db_text(DB_NETGROUP_MEMBER, row, "value"));
	rest_json_add(arg, one);
}

static void
netgroup_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	struct db_list all = { .scope = db_text(DB_NETGROUP, row, "name"), .limit = DB_LIST_MAX };
	struct rest_json *members = rest_json_array();

	if (db_list(call->conn, DB_NETGROUP_MEMBER, &all, &call->arena, add_member, members) == OK)
		rest_json_put(out, "members", members);
	else
		rest_json_free(members);
}

static bool
netgroup_removing(struct rest_call *call, const struct db_row *old)
{
	const char *name = db_text(DB_NETGROUP, old, "name");
	bool used = false;
	enum status st = rest_live_netgroup_used(call, name, &used);

	if (st != OK)
		rest_status(call, st, "netgroup", name);
	else if (used)
		rest_problem(call, 409, "in_use", "change that share's rules first",
		    "a share's rules name the netgroup \"%s\"", name);
	return st == OK && !used;
}

static bool
member_creating(struct rest_call *call, struct db_row *row)
{
	bool net = strchr(db_text(DB_NETGROUP_MEMBER, row, "value"), '/') != NULL;

	if (net != (strcmp(db_text(DB_NETGROUP_MEMBER, row, "type"), "cidr") == 0))
		return rest_invalid_field(call, "type",
		    "a network is of type cidr, an address of type ip");
	return true;
}

static bool
member_changed(struct rest_call *call, const struct db_row *row)
{
	return rest_live_netgroup(call, db_text(DB_NETGROUP_MEMBER, row, "netgroup"));
}

const struct rest_hooks rest_netgroup_hooks = { .show = netgroup_show, .steady = true,
	.removing = netgroup_removing, .extras = netgroup_extras };
const struct rest_hooks rest_netgroup_member_hooks = { .creating = member_creating,
	.created = member_changed, .removed = member_changed };
