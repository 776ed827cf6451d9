/*
 * dfsctl apply: make the server be as a YAML file says.  What is there and the same is left alone,
 * what is missing is made, what differs is changed; nothing is ever removed.  Applying twice
 * changes nothing the second time.
 */
#include "mgmt/ctl/ctl.h"

#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 12 };

/* In the order in which one needs the other. */
static const struct section {
	const char *name, *path, *key, *noun;
} sections[] = {
	{ "groups",		"/groups",		"name",		"group" },
	{ "users",		"/users",		"username",	"user" },
	{ "metadata_stores",	"/store/metadata",	"name",		"metadata store" },
	{ "local_block_stores",	"/store/block/local",	"name",		"local block store" },
	{ "remote_block_stores", "/store/block/remote",	"name",		"remote block store" },
	{ "netgroups",		"/adapters/nfs/netgroups", "name",	"netgroup" },
	{ "shares",		"/shares",		"name",		"share" },
	{ "adapters",		"/adapters",		"type",		"adapter" },
	{ "settings",		"/settings",		"key",		"setting" },
};

struct applying {
	struct ctl_run *run;
	bool dry;
	int changes, failures;
};

/* --- YAML to JSON --- */

static struct rest_json *
scalar(const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;
	bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct rest_json *j = NULL;
	char why[80];

	if (plain && (s[0] == '\0' || strcmp(s, "~") == 0))
		s = "null";
	if (plain)
		j = rest_json_parse(s, strlen(s), why, sizeof why);
	return j != NULL ? j : rest_json_string(s);
}

static struct rest_json *
node(yaml_document_t *doc, int at, int depth)
{
	const yaml_node_t *n = yaml_document_get_node(doc, at);
	struct rest_json *j;

	if (n == NULL || depth > DEPTH_MAX)
		return rest_json_object();
	if (n->type == YAML_SEQUENCE_NODE) {
		j = rest_json_array();
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		    i < n->data.sequence.items.top; i++)
			rest_json_add(j, node(doc, *i, depth + 1));
		return j;
	}
	if (n->type != YAML_MAPPING_NODE)
		return scalar(n);
	j = rest_json_object();
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	    p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		if (key != NULL && key->type == YAML_SCALAR_NODE)
			rest_json_put(j, (const char *)key->data.scalar.value,
			    node(doc, p->value, depth + 1));
	}
	return j;
}

static struct rest_json *
read_file(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct rest_json *j = NULL;
	yaml_document_t doc;
	yaml_parser_t y;

	if (f == NULL) {
		ctl_fail("cannot read %s", path);
		return NULL;
	}
	if (!yaml_parser_initialize(&y))
		return NULL;
	yaml_parser_set_input_file(&y, f);
	if (!yaml_parser_load(&y, &doc))
		ctl_fail("%s:%zu: %s", path, y.problem_mark.line + 1,
		    y.problem ? y.problem : "no YAML");
	else {
		if (yaml_document_get_root_node(&doc) != NULL)
			j = node(&doc, 1, 0);
		yaml_document_delete(&doc);
		if (j == NULL || rest_json_kind(j) != REST_OBJECT) {
			ctl_fail("%s: a mapping of sections is wanted", path);
			rest_json_free(j);
			j = NULL;
		}
	}
	yaml_parser_delete(&y);
	if (f != stdin)
		fclose(f);
	return j;
}

/* --- what differs --- */

static bool same(const struct rest_json *want, const struct rest_json *is);

struct subset {
	const struct rest_json *is;
	bool same;
};

static bool
same_member(const char *key, const struct rest_json *want, void *arg)
{
	struct subset *s = arg;
	const struct rest_json *is = rest_json_get(s->is, key);

	s->same = is != NULL && same(want, is);
	return s->same;
}

/* Sizes may be written with a blank; a secret that is not shown counts as the same. */
static bool
same_text(const char *want, const char *is)
{
	if (strcmp(is, "********") == 0 ||
	    (strcmp(want, "badger") == 0 && strcmp(is, "leveldb") == 0))
		return true;
	while (*want != '\0' || *is != '\0') {
		while (*want == ' ' && isalpha((unsigned char)want[1]) && *is != ' ')
			want++;
		if (*want != *is)
			return false;
		want += *want != '\0';
		is += *is != '\0';
	}
	return true;
}

static bool
same(const struct rest_json *want, const struct rest_json *is)
{
	enum rest_json_kind k = rest_json_kind(want);
	struct subset s = { is, true };
	char *a, *b;
	bool equal;

	if (k == REST_STRING && rest_json_kind(is) == REST_STRING)
		return same_text(rest_json_str(want), rest_json_str(is));
	if (k == REST_OBJECT && rest_json_kind(is) == REST_OBJECT) {
		rest_json_each(want, same_member, &s);
		return s.same;
	}
	a = rest_json_text(want);
	b = rest_json_text(is);
	equal = strcmp(a, b) == 0;
	free(a);
	free(b);
	return equal;
}

/* Bytes, however they are written: 1024, "1KiB", "1 KiB". */
static bool
size_of(const struct rest_json *j, uint64_t *bytes)
{
	char text[40];
	size_t n = 0;

	if (rest_json_kind(j) == REST_INT && rest_json_int(j) >= 0) {
		*bytes = (uint64_t)rest_json_int(j);
		return true;
	}
	if (rest_json_kind(j) != REST_STRING)
		return false;
	for (const char *s = rest_json_str(j); *s != '\0'; s++)
		if (*s != ' ' && n + 1 < sizeof text)
			text[n++] = *s;
	text[n] = '\0';
	return text_size(text, bytes);
}

static bool
same_size(const char *member, const struct rest_json *want, const struct rest_json *is)
{
	size_t len = strlen(member);
	uint64_t a, b;

	return ((len > 5 && strcmp(member + len - 5, "_size") == 0) ||
	    (len > 6 && strcmp(member + len - 6, "_bytes") == 0)) &&
	    size_of(want, &a) && size_of(is, &b) && a == b;
}

/* Names in any order; the group "users" is everyone's. */
static bool
has(const struct rest_json *list, const char *name)
{
	for (size_t i = 0; i < rest_json_len(list); i++)
		if (rest_json_str(rest_json_at(list, i)) != NULL &&
		    strcmp(rest_json_str(rest_json_at(list, i)), name) == 0)
			return true;
	return false;
}

static bool
same_names(const struct rest_json *want, const struct rest_json *is)
{
	if (rest_json_kind(want) != REST_ARRAY || is == NULL || rest_json_kind(is) != REST_ARRAY)
		return false;
	for (size_t i = 0; i < rest_json_len(want); i++)
		if (rest_json_str(rest_json_at(want, i)) == NULL ||
		    !has(is, rest_json_str(rest_json_at(want, i))))
			return false;
	return true;
}

struct differing {
	const struct section *section;
	const char *key;
	const struct rest_json *is;	/* NULL: it is not there */
	struct rest_json *change;
	int n;
	bool dry;
};

/* Members that are rows of their own, or are said at creation alone. */
static bool
apart(const struct differing *d, const char *member)
{
	static const char *const rows[] = { "members", "permissions" };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(member, rows[i]) == 0)
			return true;
	return d->is != NULL && (strcmp(member, "password") == 0 || strcmp(member, "owner") == 0);
}

static struct rest_json *
joined(const struct rest_json *list)
{
	char text[4200];
	struct text t = text_of(text, sizeof text);

	for (size_t i = 0; i < rest_json_len(list); i++) {
		const char *s = rest_json_str(rest_json_at(list, i));

		text_addf(&t, "%s%s", i > 0 ? " " : "", s != NULL ? s : "");
	}
	return rest_json_string(text);
}

static void
show_change(struct differing *d, const char *member, const struct rest_json *is,
    const struct rest_json *want)
{
	char *a = is != NULL ? rest_json_text(is) : NULL, *b = rest_json_text(want);
	bool secret = strstr(member, "password") != NULL || strstr(member, "config") != NULL;

	if (a != NULL)
		printf("    %s: %s -> %s\n", member, secret ? "…" : a, secret ? "…" : b);
	else if (d->is != NULL || d->dry)
		printf("    %s: %s\n", member, secret ? "…" : b);
	free(a);
	free(b);
}

static bool
see_member(const char *member, const struct rest_json *want, void *arg)
{
	struct differing *d = arg;
	const struct rest_json *is = d->is != NULL ? rest_json_get(d->is, member) : NULL;
	struct rest_json *value;
	bool equal;

	if (apart(d, member))
		return true;
	value = strcmp(member, "export_rules") == 0 && rest_json_kind(want) == REST_ARRAY ?
	    joined(want) : rest_json_copy(want);
	equal = is != NULL &&
	    (strcmp(member, "groups") == 0 ? same_names(value, is) :
					     same(value, is) || same_size(member, value, is));
	if (equal) {
		rest_json_free(value);
		return true;
	}
	if (d->n++ == 0)
		printf("%s %s %s\n", d->is == NULL ? "+" : "~", d->section->noun, d->key);
	show_change(d, member, is, value);
	rest_json_put(d->change, member, value);
	return true;
}

/* --- one thing --- */

static bool
path_of(const struct section *s, const char *key, const char *behind, char to[CTL_URL_MAX])
{
	struct ctl_run names = { .arg = { key }, .nargs = 1 };
	char path[200];

	snprintf(path, sizeof path, "%s/{}%s", s->path, behind);
	return ctl_path(&names, path, to);
}

static bool
change(struct applying *a, const char *method, const char *path, struct rest_json *body)
{
	struct rest_json *out;
	bool ok;

	a->changes++;
	if (a->dry) {
		rest_json_free(body);
		return true;
	}
	ok = ctl_ask(a->run, method, path, body, &out) == 0;
	rest_json_free(out);
	a->failures += !ok;
	return ok;
}

/* Users of a group, addresses of a netgroup: those that are missing are added. */
static void
members(struct applying *a, const struct section *s, const char *key, const struct rest_json *want,
    const struct rest_json *is)
{
	bool group = strcmp(s->name, "groups") == 0;
	char path[CTL_URL_MAX];

	for (size_t i = 0; i < rest_json_len(want); i++) {
		const char *name = rest_json_str(rest_json_at(want, i));
		struct rest_json *body;
		bool there = false;

		for (size_t k = 0; is != NULL && name != NULL && k < rest_json_len(is); k++) {
			const struct rest_json *one = rest_json_at(is, k);
			const char *has_it = group ? rest_json_str(one) :
						     rest_json_get_str(one, "value");

			there = there || (has_it != NULL && strcmp(has_it, name) == 0);
		}
		if (name == NULL || there || !path_of(s, key, "/members", path))
			continue;
		printf("~ %s %s\n    member: %s\n", s->noun, key, name);
		body = rest_json_object();
		rest_json_put_str(body, group ? "username" : "value", name);
		if (!group)
			rest_json_put_str(body, "type", strchr(name, '/') != NULL ? "cidr" : "ip");
		change(a, "POST", path, body);
	}
}

struct granting {
	struct applying *a;
	const char *share, *type;
	const struct rest_json *is;
};

static bool
grant(const char *name, const struct rest_json *level, void *arg)
{
	struct granting *g = arg;
	const char *want = rest_json_str(level);
	struct ctl_run names = { .arg = { g->share, name }, .nargs = 2 };
	char path[CTL_URL_MAX], shape[64];
	struct rest_json *body;

	for (size_t i = 0; want != NULL && g->is != NULL && i < rest_json_len(g->is); i++) {
		const struct rest_json *one = rest_json_at(g->is, i);
		const char *who = rest_json_get_str(one, "name"),
			   *type = rest_json_get_str(one, "type");
		const char *has_it = rest_json_get_str(one, "level");

		if (who != NULL && type != NULL && has_it != NULL && strcmp(who, name) == 0 &&
		    strcmp(type, g->type) == 0 && strcmp(has_it, want) == 0)
			return true;
	}
	snprintf(shape, sizeof shape, "/shares/{}/permissions/%ss/{}", g->type);
	if (want == NULL || !ctl_path(&names, shape, path))
		return true;
	printf("~ share %s\n    permission of %s %s: %s\n", g->share, g->type, name, want);
	body = rest_json_object();
	rest_json_put_str(body, "level", want);
	change(g->a, "PUT", path, body);
	return true;
}

static void
permissions(struct applying *a, const struct section *s, const char *key,
    const struct rest_json *want)
{
	struct rest_json *is = NULL;
	struct granting g = { a, key, "user", NULL };
	char path[CTL_URL_MAX];

	if (path_of(s, key, "/permissions", path))
		ctl_try(a->run, "GET", path, NULL, &is);
	g.is = is != NULL && rest_json_kind(is) == REST_ARRAY ? is : NULL;
	if (rest_json_get(want, "users") != NULL)
		rest_json_each(rest_json_get(want, "users"), grant, &g);
	g.type = "group";
	if (rest_json_get(want, "groups") != NULL)
		rest_json_each(rest_json_get(want, "groups"), grant, &g);
	rest_json_free(is);
}

static void
thing(struct applying *a, const struct section *s, const struct rest_json *want)
{
	const char *key = rest_json_get_str(want, s->key);
	struct differing d = { .section = s, .key = key, .dry = a->dry };
	char path[CTL_URL_MAX];
	struct rest_json *is = NULL;
	bool settings = strcmp(s->name, "settings") == 0;
	int http;

	if (key == NULL || !path_of(s, key, "", path)) {
		ctl_fail("%s: one lacks its %s", s->name, s->key);
		a->failures++;
		return;
	}
	http = ctl_try(a->run, "GET", path, NULL, &is);
	if (http != 200 && http != 404) {
		ctl_problem(http, is);
		a->failures++;
		rest_json_free(is);
		return;
	}
	d.is = http == 200 ? is : NULL;
	d.change = rest_json_object();
	rest_json_each(want, see_member, &d);
	if (d.n == 0)
		rest_json_free(d.change);
	else if (d.is != NULL || settings)
		change(a, "PUT", path, d.change);
	else {
		char create[100];

		snprintf(create, sizeof create, "/api/v1%s", s->path);
		if (!change(a, "POST", create, d.change)) {
			rest_json_free(is);
			return;
		}
	}
	rest_json_free(is);
}

/* What hangs on a thing, once all things are there. */
static void
hangers(struct applying *a, const struct section *s, const struct rest_json *want)
{
	const char *key = rest_json_get_str(want, s->key);
	struct rest_json *is = NULL;
	char path[CTL_URL_MAX];

	if (key == NULL || !path_of(s, key, "", path))
		return;
	if (rest_json_get(want, "members") != NULL) {
		ctl_try(a->run, "GET", path, NULL, &is);
		members(a, s, key, rest_json_get(want, "members"), rest_json_get(is, "members"));
		rest_json_free(is);
	}
	if (strcmp(s->name, "shares") == 0 && rest_json_get(want, "permissions") != NULL)
		permissions(a, s, key, rest_json_get(want, "permissions"));
}

static void
each(struct applying *a, const struct rest_json *file,
    void (*one)(struct applying *, const struct section *, const struct rest_json *))
{
	for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
		const struct rest_json *list = rest_json_get(file, sections[i].name);

		for (size_t k = 0; list != NULL && k < rest_json_len(list); k++)
			one(a, &sections[i], rest_json_at(list, k));
	}
}

static bool
known(const char *name, const struct rest_json *value, void *arg)
{
	struct applying *a = arg;

	for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
		if (strcmp(sections[i].name, name) == 0) {
			if (rest_json_kind(value) == REST_ARRAY)
				return true;
			ctl_fail("%s: a list is wanted", name);
			a->failures++;
			return true;
		}
	ctl_fail("%s: no such section", name);
	a->failures++;
	return true;
}

int
ctl_do_apply(struct ctl_run *run)
{
	struct applying a = { .run = run, .dry = ctl_said(run, "dry-run") != NULL };
	struct rest_json *file = read_file(ctl_said(run, "file"));

	if (file == NULL)
		return 2;
	rest_json_each(file, known, &a);
	if (a.failures > 0) {
		rest_json_free(file);
		return 2;
	}
	each(&a, file, thing);
	each(&a, file, hangers);
	rest_json_free(file);
	printf("%d change%s%s%s", a.changes, a.changes == 1 ? "" : "s", a.dry ? " to make" : "",
	    a.failures > 0 ? ", " : "\n");
	if (a.failures > 0)
		printf("%d failed\n", a.failures);
	return a.failures > 0;
}
