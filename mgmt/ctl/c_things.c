/*
 * Most commands are a request that the tables describe; the others are here, each a question more.
 */
#include "mgmt/ctl/ctl.h"
#include "mgmt/ctl/system.h"

#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Ask what the command's row says, with that body (taken; NULL: the flags'). */
static int
ask(struct ctl_run *run, struct rest_json *body, struct rest_json **out)
{
	const struct ctl_command *c = run->command;
	bool has_body = strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0;
	char path[CTL_URL_MAX];

	if (body == NULL && has_body && (body = ctl_body(run)) == NULL)
		return 2;
	if (!ctl_path(run, c->path, path)) {
		rest_json_free(body);
		return ctl_fail("a name is empty or too long");
	}
	return ctl_ask(run, c->method, path, body, out);
}

static int
ask_and_show(struct ctl_run *run, struct rest_json *body)
{
	struct rest_json *out;
	int code = ask(run, body, &out);

	if (code == 0 && out != NULL)
		code = ctl_print(run, out, run->command->columns);
	rest_json_free(out);
	return code;
}

int
ctl_do_show(struct ctl_run *run)
{
	return ask_and_show(run, NULL);
}

int
ctl_do_done(struct ctl_run *run)
{
	struct rest_json *out = NULL;
	int code = ask(run, NULL, &out);

	rest_json_free(out);
	if (code == 0)
		printf("Done\n");
	return code;
}

int
ctl_do_gone(struct ctl_run *run)
{
	const char *name = run->nargs > 0 ? run->arg[0] : ctl_said(run, "principal");
	char what[300];

	snprintf(what, sizeof what, "dfsctl %s %s: are you sure", run->command->words,
	    name != NULL ? name : "");
	return ctl_sure(run, what) ? ctl_do_done(run) : 1;
}

/* --- users --- */

int
ctl_do_user_create(struct ctl_run *run)
{
	static char password[1024], again[1024], uid[24], gid[24];
	bool host_uid = ctl_said(run, "host-uid") != NULL,
	     host_gid = ctl_said(run, "host-gid") != NULL;
	unsigned own_uid = 0, own_gid = 0;

	if ((host_uid || host_gid) && !ctl_system_ids(&own_uid, &own_gid))
		return ctl_fail("this system has no numbers of users: say --uid and --gid");
	if (host_uid && ctl_said(run, "uid") == NULL) {
		snprintf(uid, sizeof uid, "%u", own_uid);
		ctl_say(run, "uid", uid);
	}
	if (host_gid && ctl_said(run, "gid") == NULL) {
		snprintf(gid, sizeof gid, "%u", own_gid);
		ctl_say(run, "gid", gid);
	}
	if (ctl_said(run, "password") == NULL && ctl_terminal()) {
		if (!ctl_prompt("Password (empty: the user cannot log in): ", true, password,
		    sizeof password))
			return 1;
		if (password[0] != '\0' &&
		    (!ctl_prompt("Password again: ", true, again, sizeof again) ||
			strcmp(password, again) != 0))
			return ctl_fail("the two are not the same; nothing was created");
		if (password[0] != '\0')
			ctl_say(run, "password", password);
	}
	return ask_and_show(run, NULL);
}

int
ctl_do_user_password(struct ctl_run *run)
{
	static char password[1024];
	struct rest_json *body, *out = NULL;
	int code;

	if (ctl_said(run, "password") == NULL) {
		if (!ctl_prompt("New password: ", true, password, sizeof password))
			return ctl_fail("--password must be said where there is no terminal");
		ctl_say(run, "password", password);
	}
	body = rest_json_object();
	rest_json_put_str(body, "new_password", ctl_said(run, "password"));
	code = ask(run, body, &out);
	rest_json_free(out);
	if (code == 0)
		printf("Password set; %s must change it\n", run->arg[0]);
	return code;
}

int
ctl_do_group_add(struct ctl_run *run)
{
	struct rest_json *body = rest_json_object(), *out = NULL;
	int code;

	rest_json_put_str(body, "username", run->arg[1]);
	code = ask(run, body, &out);
	rest_json_free(out);
	if (code == 0)
		printf("%s is in %s\n", run->arg[1], run->arg[0]);
	return code;
}

/* --- permissions --- */

static int
permission(struct ctl_run *run, const char *method, struct rest_json *body, struct rest_json **out)
{
	static const char *const kinds[][2] = {
		{ "user", "/shares/{}/permissions/users/{user}" },
		{ "group", "/shares/{}/permissions/groups/{group}" },
		{ "sid", "/shares/{}/permissions/sids/{sid}" },
	};
	const char *said = NULL;
	char path[CTL_URL_MAX];
	int n = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (ctl_said(run, kinds[i][0]) != NULL) {
			said = kinds[i][1];
			n++;
		}
	if (n != 1) {
		rest_json_free(body);
		return ctl_fail("say one of --user, --group and --sid");
	}
	if (!ctl_path(run, said, path)) {
		rest_json_free(body);
		return ctl_fail("a name is empty or too long");
	}
	return ctl_ask(run, method, path, body, out);
}

int
ctl_do_permission_grant(struct ctl_run *run)
{
	struct rest_json *body = rest_json_object(), *out = NULL;
	int code;

	rest_json_put_str(body, "level", ctl_said(run, "level"));
	code = permission(run, "PUT", body, &out);
	if (code == 0)
		code = ctl_print(run, out, "TYPE:type,NAME:name,LEVEL:level");
	rest_json_free(out);
	return code;
}

int
ctl_do_permission_revoke(struct ctl_run *run)
{
	struct rest_json *out = NULL;
	int code = permission(run, "DELETE", NULL, &out);

	rest_json_free(out);
	if (code == 0)
		printf("Done\n");
	return code;
}

/* --- stores --- */

/* Ask for what was not said, where somebody can answer; empty answers leave the default. */
static void
ask_flag(struct ctl_run *run, const char *flag, const char *text, bool secret)
{
	static char answers[8][600];
	static int next;
	char *to = answers[next % 8];

	if (ctl_said(run, flag) != NULL || ctl_said(run, "config") != NULL ||
	    !ctl_prompt(text, secret, to, sizeof answers[0]) || to[0] == '\0')
		return;
	next++;
	ctl_say(run, flag, to);
}

int
ctl_do_store_add(struct ctl_run *run)
{
	bool remote = strstr(run->command->path, "remote") != NULL;
	bool local = strstr(run->command->path, "local") != NULL;

	if (ctl_said(run, "type") == NULL)
		ctl_say(run, "type", run->command->fixed);
	if (strcmp(ctl_said(run, "type"), "memory") == 0)
		return ask_and_show(run, NULL);
	if (remote && strcmp(ctl_said(run, "type"), "fs") == 0) {
		ask_flag(run, "folder", "Folder: ", false);
	} else if (remote) {
		ask_flag(run, "bucket", "Bucket: ", false);
		ask_flag(run, "region", "Region [us-east-1]: ", false);
		ask_flag(run, "endpoint", "Endpoint [AWS]: ", false);
		ask_flag(run, "access-key", "Access key: ", false);
		ask_flag(run, "secret-key", "Secret key: ", true);
	} else {
		ask_flag(run, local ? "path" : "db-path",
		    local ? "Folder [in the server's state folder]: " :
			    "Folder [beside each share's journal]: ",
		    false);
	}
	return ask_and_show(run, NULL);
}

/* What the doctor found, as a table; 1 where something is bad. */
/* The calls as a table, what else there is in a line before it. */
int
ctl_do_remote_stats(struct ctl_run *run)
{
	char path[CTL_URL_MAX];
	const char *as = ctl_said(run, "output");
	struct rest_json *out;
	bool table = as == NULL || strcmp(as, "table") == 0;
	int code;

	if (!ctl_path(run, run->command->path, path))
		return 2;
	code = ctl_ask(run, "GET", path, NULL, &out);
	if (code != 0)
		return code;
	if (table && rest_json_kind(rest_json_get(out, "open")) != REST_TRUE)
		printf("no share that serves is on it, so it is not open\n");
	else if (table)
		printf("open for %lld share(s); %lld call(s) on their way, %lld attempt(s) beyond "
		       "the first\n",
		    (long long)rest_json_int(rest_json_get(out, "shares")),
		    (long long)rest_json_int(rest_json_get(out, "running")),
		    (long long)rest_json_int(rest_json_get(out, "retries")));
	code = ctl_print(run, table ? rest_json_get(out, "calls") : out, run->command->columns);
	rest_json_free(out);
	return code;
}

int
ctl_do_doctor(struct ctl_run *run)
{
	char path[CTL_URL_MAX];
	const struct rest_json *checks, *healthy;
	struct rest_json *out;
	int code;

	if (!ctl_path(run, run->command->path, path))
		return 2;
	code = ctl_ask(run, "POST", path, NULL, &out);
	if (code != 0)
		return code;
	checks = rest_json_get(out, "checks");
	healthy = rest_json_get(out, "healthy");
	code = ctl_print(run, checks != NULL ? checks : out, run->command->columns);
	if (code == 0 && (healthy == NULL || rest_json_kind(healthy) != REST_TRUE))
		code = ctl_fail("the store is not well");
	rest_json_free(out);
	return code;
}

/* --- adapters, settings, audit --- */

static int
switch_adapter(struct ctl_run *run, bool on)
{
	struct rest_json *body = ctl_body(run);

	if (body == NULL)
		return 2;
	rest_json_put_bool(body, "enabled", on);
	return ask_and_show(run, body);
}

int
ctl_do_adapter_on(struct ctl_run *run)
{
	return switch_adapter(run, true);
}

int
ctl_do_adapter_off(struct ctl_run *run)
{
	return switch_adapter(run, false);
}

int
ctl_do_setting_set(struct ctl_run *run)
{
	struct rest_json *body = rest_json_object();

	rest_json_put_str(body, "value", run->arg[1]);
	return ask_and_show(run, body);
}

int
ctl_do_tuning_update(struct ctl_run *run)
{
	struct rest_json *body = ctl_body(run), *out;
	int code;

	if (body == NULL)
		return 2;
	code = ctl_ask(run, "PATCH",
	    ctl_said(run, "dry-run") != NULL ? "/api/v1/adapters/nfs/settings?dry_run=true" :
					       "/api/v1/adapters/nfs/settings",
	    body, &out);
	if (code == 0)
		code = ctl_print(run, out, NULL);
	rest_json_free(out);
	return code;
}

/* A question's value, as a part of a URL. */
void
ctl_add_query(char *path, size_t cap, const char *name, const char *value)
{
	bool first = strchr(path, '?') == NULL;
	size_t len = strlen(path);
	struct text t = text_of(path + len, cap - len);

	text_addf(&t, "%s%s=", first ? "?" : "&", name);
	for (; *value != '\0'; value++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			*value))
			text_addn(&t, value, 1);
		else
			text_addf(&t, "%%%02X", (unsigned char)*value);
}

int
ctl_do_client_list(struct ctl_run *run)
{
	static const char *const queries[] = { "protocol", "share" };
	char path[CTL_URL_MAX] = "/api/v1/clients";
	struct rest_json *out;
	int code;

	for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
		if (ctl_said(run, queries[i]) != NULL)
			ctl_add_query(path, sizeof path, queries[i], ctl_said(run, queries[i]));
	code = ctl_ask(run, "GET", path, NULL, &out);
	if (code == 0)
		code = ctl_print(run, out, run->command->columns);
	rest_json_free(out);
	return code;
}

int
ctl_do_explain_access(struct ctl_run *run)
{
	const char *form = ctl_said(run, "output");
	char path[CTL_URL_MAX] = "/api/v1/explain/access";
	const struct rest_json *story;
	struct rest_json *out;
	int code;

	ctl_add_query(path, sizeof path, "path", run->arg[0]);
	ctl_add_query(path, sizeof path, "user", ctl_said(run, "as"));
	ctl_add_query(path, sizeof path, "via",
	    ctl_said(run, "via") ? ctl_said(run, "via") : "nfs");
	if (ctl_said(run, "from") != NULL)
		ctl_add_query(path, sizeof path, "from", ctl_said(run, "from"));
	code = ctl_ask(run, "GET", path, NULL, &out);
	story = code == 0 ? rest_json_get(out, "story") : NULL;
	if (code == 0 && form != NULL && strcmp(form, "table") != 0)
		code = ctl_print(run, out, NULL);
	else
		for (size_t i = 0; story != NULL && i < rest_json_len(story); i++)
			ctl_say_line(rest_json_str(rest_json_at(story, i)));
	rest_json_free(out);
	return code;
}

int
ctl_do_audit_list(struct ctl_run *run)
{
	const char *limit = ctl_said(run, "limit");
	struct rest_json *out;
	char path[100];
	int code;

	snprintf(path, sizeof path, "/api/v1/audit?limit=%.10s", limit != NULL ? limit : "50");
	code = ctl_ask(run, "GET", path, NULL, &out);
	if (code == 0)
		code = ctl_print(run, out, run->command->columns);
	rest_json_free(out);
	return code;
}
