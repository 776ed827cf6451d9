/*
 * The file of contexts: read whole, written whole beside itself and put in its place.
 */
#include "mgmt/ctl/context.h"

#include "mgmt/ctl/ctl.h"
#include "mgmt/ctl/system.h"
#include "pipeline/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

static bool
file_path(char *to, size_t cap, bool make)
{
	struct text t = text_of(to, cap);
	char home[900];

	if (ctl_system_home(home, sizeof home) == NULL)
		return false;
	text_add(&t, home);
	if (make)
		ctl_system_dir(to);
	text_add(&t, "/dfsctl");
	if (make)
		ctl_system_dir(to);
	text_add(&t, "/config.json");
	return !t.cut;
}

/* What the file holds, or an empty one. */
static struct rest_json *
read_all(void)
{
	char path[1024], why[100];
	char *bytes = NULL;
	struct rest_json *j = NULL;
	FILE *f = file_path(path, sizeof path, false) ? fopen(path, "rb") : NULL;

	if (f != NULL) {
		bytes = malloc(FILE_MAX);
		size_t n = bytes == NULL ? 0 : fread(bytes, 1, FILE_MAX, f);

		fclose(f);
		j = rest_json_parse(bytes, n, why, sizeof why);
		if (j == NULL)
			ctl_fail("%s: %s; it begins anew", path, why);
		free(bytes);
	}
	if (j == NULL || rest_json_kind(j) != REST_OBJECT) {
		rest_json_free(j);
		j = rest_json_object();
	}
	if (rest_json_get(j, "contexts") == NULL)
		rest_json_put(j, "contexts", rest_json_object());
	return j;
}

static bool
write_all(struct rest_json *j)
{
	char path[1024], *text = rest_json_text(j);
	bool ok = file_path(path, sizeof path, true) && ctl_system_file(path, text, strlen(text));

	if (!ok)
		ctl_fail("cannot write %s: %s", path, strerror(errno));
	free(text);
	rest_json_free(j);
	return ok;
}

/* The members, as one table for both ways. */
static const struct {
	const char *key;
	size_t at, cap;
} members[] = {
#define M(key, field) \
	{ key, offsetof(struct ctl_context, field), sizeof((struct ctl_context *)0)->field }
	M("server", server),
	M("username", username),
	M("access_token", access),
	M("refresh_token", refresh),
	M("cacert", cacert),
	M("client_cert", client_cert),
	M("client_key", client_key),
#undef M
};

static void
from_json(const char *name, const struct rest_json *j, struct ctl_context *c)
{
	const struct rest_json *skip = rest_json_get(j, "tls_skip_verify");

	*c = (struct ctl_context){ .skip_verify = skip != NULL &&
		    rest_json_kind(skip) == REST_TRUE };
	snprintf(c->name, sizeof c->name, "%s", name);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		const char *s = rest_json_get_str(j, members[i].key);

		snprintf((char *)c + members[i].at, members[i].cap, "%s", s != NULL ? s : "");
	}
}

static struct rest_json *
to_json(const struct ctl_context *c)
{
	struct rest_json *j = rest_json_object();

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if (((const char *)c + members[i].at)[0] != '\0')
			rest_json_put_str(j, members[i].key, (const char *)c + members[i].at);
	if (c->skip_verify)
		rest_json_put_bool(j, "tls_skip_verify", true);
	return j;
}

/* contexts, to be changed: it belongs to the file's object. */
static struct rest_json *
contexts_of(struct rest_json *file)
{
	return (struct rest_json *)(uintptr_t)rest_json_get(file, "contexts");
}

static bool
find(const struct rest_json *file, const char *name, struct ctl_context *c)
{
	const struct rest_json *j = name == NULL ? NULL :
	    rest_json_get(rest_json_get(file, "contexts"), name);

	if (j != NULL)
		from_json(name, j, c);
	return j != NULL;
}

bool
ctl_context_find(const char *name, struct ctl_context *c)
{
	struct rest_json *file = read_all();
	bool found = find(file, name, c);

	rest_json_free(file);
	return found;
}

bool
ctl_context_current(struct ctl_context *c)
{
	struct rest_json *file = read_all();
	bool found = find(file, rest_json_get_str(file, "current"), c);

	rest_json_free(file);
	return found;
}

bool
ctl_context_keep(const struct ctl_context *c, bool use)
{
	struct rest_json *file = read_all();

	rest_json_put(contexts_of(file), c->name, to_json(c));
	if (use)
		rest_json_put_str(file, "current", c->name);
	return write_all(file);
}

struct dropping {
	const char *name;
	struct rest_json *kept;
};

static bool
keep_other(const char *key, const struct rest_json *value, void *arg)
{
	struct dropping *d = arg;
	struct ctl_context c;

	from_json(key, value, &c);
	if (strcmp(key, d->name) != 0)
		rest_json_put(d->kept, key, to_json(&c));
	return true;
}

bool
ctl_context_drop(const char *name)
{
	struct rest_json *file = read_all();
	struct dropping d = { name, rest_json_object() };
	const char *current = rest_json_get_str(file, "current");

	rest_json_each(contexts_of(file), keep_other, &d);
	rest_json_put(file, "contexts", d.kept);
	if (current != NULL && strcmp(current, name) == 0)
		rest_json_put_null(file, "current");
	return write_all(file);
}

bool
ctl_context_choose(const char *name)
{
	struct rest_json *file = read_all();

	rest_json_put_str(file, "current", name);
	return write_all(file);
}

struct listing {
	const char *current;
	struct rest_json *list;
};

static bool
list_one(const char *key, const struct rest_json *value, void *arg)
{
	struct listing *l = arg;
	struct rest_json *one = rest_json_object();
	struct ctl_context c;

	from_json(key, value, &c);
	rest_json_put_bool(one, "current", l->current != NULL && strcmp(l->current, key) == 0);
	rest_json_put_str(one, "name", key);
	rest_json_put_str(one, "server", c.server);
	rest_json_put_str(one, "username", c.username);
	rest_json_put_bool(one, "logged_in", c.refresh[0] != '\0');
	rest_json_add(l->list, one);
	return true;
}

struct rest_json *
ctl_context_all(void)
{
	struct rest_json *file = read_all();
	struct listing l = { rest_json_get_str(file, "current"), rest_json_array() };

	rest_json_each(contexts_of(file), list_one, &l);
	rest_json_free(file);
	return l.list;
}
