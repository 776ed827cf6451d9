/*
 * From what was said to a request, and from an answer to what people read.  A token that has
 * expired is turned once, quietly.
 */
#include "mgmt/ctl/http.h"

#include "mgmt/ctl/ctl.h"
#include "pipeline/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 1000 };

int
ctl_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("dfsctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

/* --- the body --- */

static struct rest_json *
list_of(const char *said)
{
	struct rest_json *list = rest_json_array();
	char word[256];

	while (*said != '\0') {
		size_t n = strcspn(said, ",");

		snprintf(word, sizeof word, "%.*s", (int)n, said);
		if (n > 0)
			rest_json_add(list, rest_json_string(word));
		said += n + (said[n] == ',');
	}
	return list;
}

static struct rest_json *
value_of(const struct ctl_flag *f, const char *said)
{
	char why[100], what[200];
	struct rest_json *j = NULL;
	bool object = f->kind == CTL_JSON;

	switch (f->kind) {
	case CTL_TEXT: case CTL_MORE:
		return rest_json_string(said);
	case CTL_LIST:
		return list_of(said);
	case CTL_SWITCH: case CTL_NUMBER: case CTL_BOOL: case CTL_JSON:
		break;
	}
	j = rest_json_parse(said, strlen(said), why, sizeof why);
	snprintf(what, sizeof what, "%s", object ? "a JSON object" : f->kind == CTL_NUMBER ?
	    "a whole number" : "true or false");
	if (j != NULL && (object ? rest_json_kind(j) == REST_OBJECT : f->kind == CTL_NUMBER ?
	    rest_json_kind(j) == REST_INT : rest_json_kind(j) == REST_TRUE ||
	    rest_json_kind(j) == REST_FALSE))
		return j;
	ctl_fail("--%s wants %s, not \"%s\"", f->name, what, said);
	rest_json_free(j);
	return NULL;
}

static struct rest_json *
inside(struct rest_json *body, const char *key)
{
	if (rest_json_get(body, key) == NULL)
		rest_json_put(body, key, rest_json_object());
	return (struct rest_json *)(uintptr_t)rest_json_get(body, key);
}

/* What a share says of itself a remote store says inside its config. */
static bool
in_config(const struct ctl_run *run, const struct ctl_flag *f)
{
	const char *path = run->command->path;

	return strncmp(f->where, "config.", 7) == 0 || (path != NULL &&
	    strncmp(path, "/store/", 7) == 0 && (strcmp(f->where, "encryption") == 0 ||
	    strcmp(f->where, "compression") == 0));
}

struct rest_json *
ctl_body(const struct ctl_run *run)
{
	struct rest_json *body = rest_json_object();

	/* --config first, for single options go into it. */
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < ctl_flags_count; i++) {
			const struct ctl_flag *f = &ctl_flags[i];
			bool in = in_config(run, f);
			struct rest_json *v;

			if (run->flag[i] == NULL || f->where[0] == '\0' || in != (pass == 1))
				continue;
			v = value_of(f, run->flag[i]);
			if (v == NULL) {
				rest_json_free(body);
				return NULL;
			}
			if (in)
				rest_json_put(inside(body, "config"), f->where +
				    (f->where[6] == '.' ? 7 : 0), v);
			else
				rest_json_put(body, f->where, v);
		}
	return body;
}

/* --- the path --- */

static void
add_part(struct text *t, const char *s)
{
	s += *s == '/';			/* a share's name: its slash is the server's to add */
	for (; *s != '\0'; s++)
		if (strchr("/?&=#%<>\" +{}|\\^`", *s) != NULL || (unsigned char)*s < 0x21 ||
		    (unsigned char)*s > 0x7e)
			text_addf(t, "%%%02X", (unsigned char)*s);
		else
			text_addn(t, s, 1);
}

bool
ctl_path(const struct ctl_run *run, const char *path, char to[CTL_URL_MAX])
{
	struct text t = text_of(to, CTL_URL_MAX);
	int next = 0;

	text_add(&t, "/api/v1");
	while (*path != '\0') {
		char flag[40];
		size_t n;
		const char *said;

		if (*path != '{') {
			text_addn(&t, path++, 1);
			continue;
		}
		n = strcspn(path, "}");
		snprintf(flag, sizeof flag, "%.*s", (int)n - 1, path + 1);
		said = flag[0] == '\0' ? run->arg[next++] : ctl_said(run, flag);
		if (said == NULL || *said == '\0' || strcmp(said, "/") == 0)
			return false;
		add_part(&t, said);
		path += n + 1;
	}
	return !t.cut;
}

/* --- asking --- */

/* Whom: the context, and what the flags say instead. */
static void
whom(const struct ctl_run *run, struct ctl_context *c)
{
	static const char *const flags[] = { "server", "cacert", "client-cert", "client-key" };
	char *const to[] = { c->server, c->cacert, c->client_cert, c->client_key };

	if (!ctl_context_current(c))
		*c = (struct ctl_context){ .server = "http://localhost:8080" };
	for (int i = 0; i < 4; i++)
		if (ctl_said(run, flags[i]) != NULL)
			snprintf(to[i], 512, "%s", ctl_said(run, flags[i]));
	c->skip_verify |= ctl_said(run, "tls-skip-verify") != NULL;
	if (ctl_said(run, "token") != NULL) {
		snprintf(c->access, sizeof c->access, "%s", ctl_said(run, "token"));
		c->refresh[0] = '\0';
	}
	if (c->server[0] != '\0' && c->server[strlen(c->server) - 1] == '/')
		c->server[strlen(c->server) - 1] = '\0';
}

static bool
turn(struct ctl_context *c)
{
	struct rest_json *j = rest_json_object();
	char *body, why[100];
	struct ctl_http a;
	bool ok = false;

	rest_json_put_str(j, "refresh_token", c->refresh);
	body = rest_json_text(j);
	rest_json_free(j);
	ctl_http(c, "POST", "/api/v1/auth/refresh", NULL, body, &a);
	free(body);
	j = a.code == 200 ? rest_json_parse(a.body, a.len, why, sizeof why) : NULL;
	if (j != NULL && rest_json_get_str(j, "access_token") != NULL &&
	    rest_json_get_str(j, "refresh_token") != NULL) {
		snprintf(c->access, sizeof c->access, "%s", rest_json_get_str(j, "access_token"));
		snprintf(c->refresh, sizeof c->refresh, "%s",
		    rest_json_get_str(j, "refresh_token"));
		ok = c->name[0] == '\0' || ctl_context_keep(c, false);
	}
	rest_json_free(j);
	free(a.body);
	return ok;
}

static void
one(struct ctl_run *run, struct ctl_context *c, const char *method, const char *path,
    const char *body, struct ctl_http *a)
{
	ctl_http(c, method, path, c->access, body, a);
	if (ctl_said(run, "verbose") != NULL)
		fprintf(stderr, "dfsctl: %s %s%s: %ld\n", method, c->server, path, a->code);
	if (a->code != 401 || c->refresh[0] == '\0' || strstr(path, "/auth/login") != NULL ||
	    !turn(c))
		return;
	free(a->body);
	ctl_http(c, method, path, c->access, body, a);
}

/* The pages of a list, one behind the other. */
static void
more(struct ctl_run *run, struct ctl_context *c, struct ctl_http *a, struct rest_json *list)
{
	char why[100], next[900];

	for (int page = 0; a->link[0] != '\0' && page < PAGES_MAX; page++) {
		struct rest_json *j;

		snprintf(next, sizeof next, "%s", a->link);
		free(a->body);
		one(run, c, "GET", next, NULL, a);
		j = a->code == 200 ? rest_json_parse(a->body, a->len, why, sizeof why) : NULL;
		for (size_t i = 0; j != NULL && i < rest_json_len(j); i++)
			rest_json_add(list, rest_json_copy(rest_json_at(j, i)));
		rest_json_free(j);
	}
}

int
ctl_try(struct ctl_run *run, const char *method, const char *path, struct rest_json *body,
    struct rest_json **out)
{
	char *text = body != NULL ? rest_json_text(body) : NULL, why[100];
	struct ctl_context c;
	struct ctl_http a;
	int code;

	*out = NULL;
	whom(run, &c);
	one(run, &c, method, path, text, &a);
	free(text);
	rest_json_free(body);
	code = (int)a.code;
	if (code == 0)
		ctl_fail("%s does not answer: %s\n  is the daemon running (dfs status)? is "
			 "--server right?",
		    c.server, a.why);
	if (a.body != NULL && a.len > 0)
		*out = rest_json_parse(a.body, a.len, why, sizeof why);
	if (*out != NULL && code == 200 && rest_json_kind(*out) == REST_ARRAY)
		more(run, &c, &a, *out);
	free(a.body);
	return code;
}

static bool
print_error(const char *field, const struct rest_json *what, void *arg)
{
	(void)arg;
	if (rest_json_str(what) != NULL)
		fprintf(stderr, "  %s: %s\n", field, rest_json_str(what));
	return true;
}

int
ctl_problem(int http, const struct rest_json *problem)
{
	const char *detail = rest_json_get_str(problem, "detail");
	const char *hint = rest_json_get_str(problem, "hint");
	const struct rest_json *errors = rest_json_get(problem, "errors");

	if (http == 0)
		return 1;
	if (detail != NULL)
		ctl_fail("%s", detail);
	else
		ctl_fail("the server answered with HTTP %d", http);
	if (errors != NULL)
		rest_json_each(errors, print_error, NULL);
	if (hint != NULL)
		fprintf(stderr, "  %s\n", hint);
	return 1;
}

int
ctl_ask(struct ctl_run *run, const char *method, const char *path, struct rest_json *body,
    struct rest_json **out)
{
	int http = ctl_try(run, method, path, body, out);

	if (http >= 200 && http < 300)
		return 0;
	ctl_problem(http, *out);
	rest_json_free(*out);
	*out = NULL;
	return 1;
}

char *
ctl_text(struct ctl_run *run, const char *path)
{
	struct rest_json *problem;
	struct ctl_context c;
	struct ctl_http a;
	char why[100];

	whom(run, &c);
	one(run, &c, "GET", path, NULL, &a);
	if (a.code == 200 && a.body != NULL)
		return a.body;
	if (a.code == 0)
		ctl_fail("%s does not answer: %s", c.server, a.why);
	problem = a.body != NULL && a.len > 0 ? rest_json_parse(a.body, a.len, why, sizeof why) :
						NULL;
	if (a.code != 0 && problem != NULL)
		ctl_problem((int)a.code, problem);
	else if (a.code != 0)
		ctl_fail("the server answered with HTTP %ld", a.code);
	rest_json_free(problem);
	free(a.body);
	return NULL;
}

void
ctl_host(const struct ctl_run *run, char *to, size_t cap)
{
	struct ctl_context c;
	const char *s;
	size_t n;

	whom(run, &c);
	s = strstr(c.server, "://");
	s = s != NULL ? s + 3 : c.server;
	if (*s == '[') {
		s++;
		n = strcspn(s, "]");
	} else {
		n = strcspn(s, ":/");
	}
	snprintf(to, cap, "%.*s", (int)n, s);
}
