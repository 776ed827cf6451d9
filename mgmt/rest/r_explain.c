/*
 * Why somebody may or may not.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/base/panic.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The share is the longest front of the path that is open. */
static bool
split(struct rest_call *call, const char *path, struct rest_explain *ask)
{
	struct rest_share_state s;
	size_t len = strlen(path);

	if (*path != '/' || len >= REST_PATH_TEXT)
		return rest_invalid_field(call, "path", "must be like /export/folder/file");
	for (; len > 1; len--) {
		if (path[len] != '\0' && path[len] != '/')
			continue;
		snprintf(ask->share, sizeof ask->share, "%.*s", (int)len, path);
		rest_state.conf.house->share_look(ask->share, &s);
		if (!s.open)
			continue;
		snprintf(ask->rest, sizeof ask->rest, "%s", path + len);
		return true;
	}
	rest_problem(call, 404, "not_found", "dfsctl share list shows all",
	    "no share that is open begins the path \"%s\"", path);
	return false;
}

static bool
who(struct rest_call *call, const char *username, struct rest_explain *ask)
{
	struct db_row user;
	enum status st;

	if (username == NULL)
		return rest_invalid_field(call, "user", "is wanted: whom to explain it for");
	st = db_get(call->conn, DB_USER, NULL, username, &call->arena, &user);
	if (st == ST_NOENT)
		rest_problem(call, 404, "not_found", NULL, "there is no user \"%s\"", username);
	else if (st == OK)
		st = db_gids_of(call->conn, username, ask->gids, ARRAY_LEN(ask->gids), &ask->ngids);
	if (st != OK && st != ST_NOENT)
		rest_status(call, st, "user", username);
	if (st != OK)
		return false;
	ask->uid = (uint32_t)db_num(DB_USER, &user, "uid");
	ask->gid = (uint32_t)db_num(DB_USER, &user, "gid");
	return true;
}

static bool
from_where(struct rest_call *call, struct rest_explain *ask)
{
	const char *from = rest_query(call, "from");
	uint8_t bytes[16];

	snprintf(ask->address, sizeof ask->address, "%s", from != NULL ? from : "127.0.0.1");
	return inet_pton(AF_INET, ask->address, bytes) == 1 ||
	    inet_pton(AF_INET6, ask->address, bytes) == 1 ||
	    rest_invalid_field(call, "from", "must be an address");
}

static void
answer(struct rest_call *call, const struct rest_explain *ask, const struct rest_explained *x)
{
	static const char *const names[] = { "read", "lookup", "modify", "extend", "delete",
		"execute" };
	struct rest_json *out = rest_json_object(), *bits = rest_json_object(),
			 *story = rest_json_array();

	rest_json_put_str(out, "share", ask->share);
	rest_json_put_str(out, "from", ask->address);
	rest_json_put_int(out, "uid", ask->uid);
	rest_json_put_bool(out, "reached", x->reached);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		rest_json_put_bool(bits, names[i], x->reached && (x->access >> i & 1));
	rest_json_put(out, "access", bits);
	for (int i = 0; i < x->lines; i++)
		rest_json_add(story, rest_json_string(x->line[i]));
	rest_json_put(out, "story", story);
	rest_json_reply(call, 200, out);
}

void
rest_do_explain_access(struct rest_call *call)
{
	const char *via = rest_query(call, "via"), *path = rest_query(call, "path");
	struct rest_explain *ask;
	struct rest_explained *x;
	enum status st;

	if (via != NULL && strcmp(via, "nfs") != 0) {
		rest_invalid_field(call, "via", "nfs is what this build speaks");
		return;
	}
	ask = xcalloc(1, sizeof *ask);
	x = xcalloc(1, sizeof *x);
	if (split(call, path != NULL ? path : "", ask) && from_where(call, ask) &&
	    who(call, rest_query(call, "user"), ask)) {
		st = rest_state.conf.house->explain(ask, x);
		if (st == OK)
			answer(call, ask, x);
		else
			rest_status(call, st, "share", ask->share);
	}
	free(ask);
	free(x);
}
