/*
 * Logging in and out, contexts, status and version.
 */
#include "mgmt/ctl/context.h"
#include "mgmt/ctl/ctl.h"

#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
wipe(char *s, size_t len)
{
	volatile char *p = s;

	while (len-- > 0)
		*p++ = '\0';
}

static const char *
flag_or(const struct ctl_run *run, const char *flag, const char *otherwise)
{
	const char *s = ctl_said(run, flag);

	return s != NULL ? s : otherwise;
}

/* Keep the pair that a log-in or a change of password gives. */
static bool
keep_pair(struct ctl_context *c, const struct rest_json *pair)
{
	const char *access = rest_json_get_str(pair, "access_token");
	const char *refresh = rest_json_get_str(pair, "refresh_token");

	if (access == NULL || refresh == NULL) {
		ctl_fail("the server's answer holds no tokens");
		return false;
	}
	snprintf(c->access, sizeof c->access, "%s", access);
	snprintf(c->refresh, sizeof c->refresh, "%s", refresh);
	return ctl_context_keep(c, true);
}

/* "localhost:8080" of "http://localhost:8080". */
static void
name_context(const struct ctl_run *run, struct ctl_context *c)
{
	const char *host = strstr(c->server, "://");

	if (ctl_said(run, "context") != NULL)
		snprintf(c->name, sizeof c->name, "%s", ctl_said(run, "context"));
	else
		snprintf(c->name, sizeof c->name, "%.50s@%.70s", c->username,
		    host != NULL ? host + 3 : c->server);
}

static void
said_tls(const struct ctl_run *run, struct ctl_context *c)
{
	snprintf(c->cacert, sizeof c->cacert, "%s", flag_or(run, "cacert", ""));
	snprintf(c->client_cert, sizeof c->client_cert, "%s", flag_or(run, "client-cert", ""));
	snprintf(c->client_key, sizeof c->client_key, "%s", flag_or(run, "client-key", ""));
	c->skip_verify = ctl_said(run, "tls-skip-verify") != NULL;
}

int
ctl_do_login(struct ctl_run *run)
{
	struct ctl_context c = { .name = "" }, old;
	char username[64] = "", password[1024] = "";
	struct rest_json *body, *pair;
	const struct rest_json *must;
	int code;

	snprintf(c.server, sizeof c.server, "%s", flag_or(run, "server",
	    ctl_context_current(&old) ? old.server : "http://localhost:8080"));
	ctl_say(run, "server", c.server);
	if (ctl_said(run, "username") == NULL &&
	    !ctl_prompt("Username: ", false, username, sizeof username))
		return ctl_fail("--username must be said where there is no terminal");
	snprintf(c.username, sizeof c.username, "%s", flag_or(run, "username", username));
	if (ctl_said(run, "password") == NULL &&
	    !ctl_prompt("Password: ", true, password, sizeof password))
		return ctl_fail("--password must be said where there is no terminal");
	body = rest_json_object();
	rest_json_put_str(body, "username", c.username);
	rest_json_put_str(body, "password", flag_or(run, "password", password));
	wipe(password, sizeof password);
	code = ctl_ask(run, "POST", "/api/v1/auth/login", body, &pair);
	if (code != 0)
		return code;
	said_tls(run, &c);
	name_context(run, &c);
	must = rest_json_get(rest_json_get(pair, "user"), "must_change_password");
	if (keep_pair(&c, pair)) {
		printf("Logged in to %s as %s (context %s)\n", c.server, c.username, c.name);
		if (must != NULL && rest_json_kind(must) == REST_TRUE)
			printf("A new password must be set first: dfsctl user change-password\n");
	} else {
		code = 1;
	}
	rest_json_free(pair);
	return code;
}

int
ctl_do_logout(struct ctl_run *run)
{
	struct ctl_context c;
	struct rest_json *out;

	if (!ctl_context_current(&c))
		return ctl_fail("no context is in use");
	ctl_try(run, "POST", "/api/v1/auth/logout", NULL, &out);
	rest_json_free(out);
	c.access[0] = c.refresh[0] = '\0';
	if (!ctl_context_keep(&c, true))
		return 1;
	printf("Logged out of %s\n", c.server);
	return 0;
}

int
ctl_do_change_password(struct ctl_run *run)
{
	char old[1024] = "", new[1024] = "", again[1024] = "";
	struct rest_json *body, *pair;
	struct ctl_context c;
	int code;

	if (ctl_said(run, "current") == NULL &&
	    !ctl_prompt("Current password: ", true, old, sizeof old))
		return ctl_fail("--current must be said where there is no terminal");
	if (ctl_said(run, "new") == NULL) {
		if (!ctl_prompt("New password: ", true, new, sizeof new) ||
		    !ctl_prompt("New password again: ", true, again, sizeof again))
			return ctl_fail("--new must be said where there is no terminal");
		if (strcmp(new, again) != 0)
			return ctl_fail("the two are not the same; nothing was changed");
	}
	body = rest_json_object();
	rest_json_put_str(body, "current_password", flag_or(run, "current", old));
	rest_json_put_str(body, "new_password", flag_or(run, "new", new));
	wipe(old, sizeof old);
	wipe(new, sizeof new);
	wipe(again, sizeof again);
	code = ctl_ask(run, "POST", "/api/v1/users/me/password", body, &pair);
	if (code != 0)
		return code;
	if (ctl_context_current(&c) && ctl_said(run, "token") == NULL)
		code = keep_pair(&c, pair) ? 0 : 1;
	rest_json_free(pair);
	printf("Password changed\n");
	return code;
}

/* --- contexts --- */

int
ctl_do_context_list(struct ctl_run *run)
{
	struct rest_json *all = ctl_context_all();
	int code = ctl_print(run, all, "NAME:name,SERVER:server,USERNAME:username,CURRENT:current");

	rest_json_free(all);
	return code;
}

int
ctl_do_context_current(struct ctl_run *run)
{
	struct ctl_context c;
	struct rest_json *j;
	int code;

	if (!ctl_context_current(&c))
		return ctl_fail("no context is in use; dfsctl login makes one");
	j = rest_json_object();
	rest_json_put_str(j, "name", c.name);
	rest_json_put_str(j, "server", c.server);
	rest_json_put_str(j, "username", c.username);
	code = ctl_print(run, j, NULL);
	rest_json_free(j);
	return code;
}

static int
no_context(const char *name)
{
	return ctl_fail("there is no context \"%s\"; dfsctl context list shows all", name);
}

int
ctl_do_context_use(struct ctl_run *run)
{
	struct ctl_context c;

	if (!ctl_context_find(run->arg[0], &c))
		return no_context(run->arg[0]);
	if (!ctl_context_choose(c.name))
		return 1;
	printf("Using %s: %s as %s\n", c.name, c.server, c.username);
	return 0;
}

int
ctl_do_context_rename(struct ctl_run *run)
{
	struct ctl_context c, current, other;
	bool in_use = ctl_context_current(&current) && strcmp(current.name, run->arg[0]) == 0;

	if (!ctl_context_find(run->arg[0], &c))
		return no_context(run->arg[0]);
	if (ctl_context_find(run->arg[1], &other) || strlen(run->arg[1]) >= sizeof c.name)
		return ctl_fail("\"%s\" is taken, or too long", run->arg[1]);
	snprintf(c.name, sizeof c.name, "%s", run->arg[1]);
	return ctl_context_keep(&c, in_use) && ctl_context_drop(run->arg[0]) ? 0 : 1;
}

int
ctl_do_context_remove(struct ctl_run *run)
{
	struct ctl_context c;
	char what[200];

	if (!ctl_context_find(run->arg[0], &c))
		return no_context(run->arg[0]);
	snprintf(what, sizeof what, "Forget the context %s", c.name);
	return ctl_sure(run, what) && ctl_context_drop(c.name) ? 0 : 1;
}

/* --- status and version --- */

int
ctl_do_status(struct ctl_run *run)
{
	struct rest_json *ready, *list;
	int http = ctl_try(run, "GET", "/health/ready", NULL, &ready), code;
	struct ctl_context c;

	if (http == 0 || ready == NULL)
		return 1;
	code = ctl_print(run, ready, ctl_said(run, "output") != NULL ? NULL :
	    "STATUS:status,UPTIME:data.uptime,DATABASE:data.control_plane_db,SHARES:data.shares,"
	    "UNHEALTHY:data.shares_unhealthy,ADAPTERS:data.adapters.types");
	rest_json_free(ready);
	if (ctl_said(run, "output") != NULL ||
	    (ctl_said(run, "token") == NULL && (!ctl_context_current(&c) || c.access[0] == '\0')))
		return code != 0 ? code : http != 200;
	if (ctl_try(run, "GET", "/api/v1/shares", NULL, &list) == 200) {
		printf("\n");
		ctl_print(run, list, "SHARE:name,STATUS:status.status,MESSAGE:status.message");
	}
	rest_json_free(list);
	if (ctl_try(run, "GET", "/api/v1/adapters/ports", NULL, &list) == 200) {
		printf("\n");
		ctl_print(run, list, "ADAPTER:type,PORT:port,ENABLED:enabled,RUNNING:running");
	}
	rest_json_free(list);
	return http != 200;
}

int
ctl_do_version(struct ctl_run *run)
{
	struct rest_json *info;
	struct ctl_context c;

	if (ctl_said(run, "short") != NULL) {
		printf("%s\n", DFS_VERSION);
		return 0;
	}
	printf("dfsctl %s\n", DFS_VERSION);
	if (!ctl_context_current(&c) || c.access[0] == '\0')
		return 0;
	if (ctl_try(run, "GET", "/api/v1/system/info", NULL, &info) == 200 &&
	    rest_json_get_str(info, "version") != NULL)
		printf("dfs    %s at %s\n", rest_json_get_str(info, "version"), c.server);
	rest_json_free(info);
	return 0;
}
