/*
 * Who uses this server now.  A client of NFSv3 has no name but its address.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLIENTS_MAX = 4096, MOUNTS_MAX = 8192 };

struct seen {
	struct rest_client *client;
	struct rest_mount *mount;
	uint32_t nclients, nmounts;
};

static bool
look(struct rest_call *call, struct seen *s)
{
	*s = (struct seen){ calloc(CLIENTS_MAX, sizeof *s->client),
		calloc(MOUNTS_MAX, sizeof *s->mount), 0, 0 };
	if (s->client == NULL || s->mount == NULL) {
		rest_problem(call, 503, "busy", "repeat it later", "no memory for the list");
		return false;
	}
	s->nclients = rest_state.conf.house->clients(s->client, CLIENTS_MAX);
	s->nmounts = rest_state.conf.house->mounts(s->mount, MOUNTS_MAX);
	return true;
}

static void
let_go(struct seen *s)
{
	free(s->client);
	free(s->mount);
}

static void
put_time(struct rest_json *to, const char *key, uint64_t at_s)
{
	time_t at = (time_t)at_s;
	char text[DB_TIME_TEXT];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	rest_json_put_str(to, key, text);
}

/* The share of a mounted path: its longest front that is one; else the path. */
static void
share_of(const char *path, char to[REST_PATH_TEXT])
{
	struct rest_share_state s;
	char *slash;

	snprintf(to, REST_PATH_TEXT, "%s", path);
	for (;;) {
		rest_state.conf.house->share_look(to, &s);
		slash = strrchr(to, '/');
		if (s.open || slash == NULL || slash == to)
			break;
		*slash = '\0';
	}
	if (!s.open)
		snprintf(to, REST_PATH_TEXT, "%s", path);
}

static struct rest_json *
shares_of(const struct seen *s, const char *address, const char *only, bool *has)
{
	struct rest_json *list = rest_json_array();
	char share[REST_PATH_TEXT];

	*has = only == NULL;
	for (uint32_t i = 0; i < s->nmounts; i++) {
		bool known = false;

		if (strcmp(s->mount[i].address, address) != 0)
			continue;
		share_of(s->mount[i].path, share);
		*has = *has || strcmp(share, only) == 0 || strcmp(share + 1, only) == 0;
		for (size_t k = 0; k < rest_json_len(list); k++)
			known = known || strcmp(rest_json_str(rest_json_at(list, k)), share) == 0;
		if (!known)
			rest_json_add(list, rest_json_string(share));
	}
	return list;
}

static void
first_name(const struct db_row *row, void *arg)
{
	snprintf(arg, 40, "%s", db_text(DB_USER, row, "username"));
}

static void
put_user(struct rest_call *call, struct rest_json *one, const struct rest_client *c)
{
	char username[40] = "";

	if (!c->anonymous && c->version != 0 &&
	    db_user_by_uid(call->conn, c->uid, &call->arena, first_name, username) != OK)
		username[0] = '\0';
	rest_json_put_str(one, "user", username);
}

static struct rest_json *
client_json(struct rest_call *call, const struct rest_client *c)
{
	struct rest_json *one = rest_json_object(), *nfs = rest_json_object();
	char version[16];

	rest_json_put_str(one, "client_id", c->address);
	rest_json_put_str(one, "protocol", c->protocol);
	rest_json_put_str(one, "address", c->address);
	put_user(call, one, c);
	put_time(one, "connected_at", c->since_s);
	put_time(one, "last_activity", c->last_s);
	rest_json_put_int(one, "connections", c->connections);
	rest_json_put_int(one, "requests", (int64_t)c->requests);
	snprintf(version, sizeof version, "%u", c->version);
	rest_json_put_str(nfs, "version", c->version != 0 ? version : "");
	rest_json_put_str(nfs, "auth_flavor", c->version == 0 ? "" : c->anonymous ? "none" : "sys");
	if (!c->anonymous && c->version != 0)
		rest_json_put_int(nfs, "uid", c->uid);
	rest_json_put(one, "nfs", nfs);
	return one;
}

void
rest_do_clients_list(struct rest_call *call)
{
	const char *protocol = rest_query(call, "protocol"), *share = rest_query(call, "share");
	struct rest_json *list = rest_json_array();
	struct seen s;

	if (!look(call, &s)) {
		let_go(&s);
		rest_json_free(list);
		return;
	}
	for (uint32_t i = 0; i < s.nclients; i++) {
		const struct rest_client *c = &s.client[i];
		struct rest_json *shares, *one;
		bool has;

		if (protocol != NULL && strcmp(protocol, c->protocol) != 0)
			continue;
		shares = shares_of(&s, c->address, share, &has);
		if (!has) {
			rest_json_free(shares);
			continue;
		}
		one = client_json(call, c);
		rest_json_put(one, "shares", shares);
		rest_json_add(list, one);
	}
	let_go(&s);
	rest_json_reply(call, 200, list);
}

void
rest_do_client_end(struct rest_call *call)
{
	if (rest_state.conf.house->disconnect(call->arg[0]) == 0)
		rest_problem(call, 404, "not_found", "dfsctl client list shows all",
		    "no client \"%s\" is connected", call->arg[0]);
	else
		rest_no_content(call);
}

void
rest_do_mounts_list(struct rest_call *call)
{
	struct rest_json *list = rest_json_array();
	char share[REST_PATH_TEXT];
	struct seen s;

	if (look(call, &s)) {
		for (uint32_t i = 0; i < s.nmounts; i++) {
			struct rest_json *one = rest_json_object();

			share_of(s.mount[i].path, share);
			rest_json_put_str(one, "client_addr", s.mount[i].address);
			rest_json_put_str(one, "protocol", "nfs");
			rest_json_put_str(one, "share_name", share);
			rest_json_put_str(one, "path", s.mount[i].path);
			put_time(one, "mounted_at", s.mount[i].at_s);
			rest_json_add(list, one);
		}
		rest_json_reply(call, 200, list);
	} else {
		rest_json_free(list);
	}
	let_go(&s);
}
