/*
 * The OpenAPI document, made from the same two tables that the program runs by: route.def and
 * entity.def.  A path or field that is not in them does not exist.
 */
#include "mgmt/rest/route.h"

#include "pipeline/base/panic.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {
	[DB_STR] = "string", [DB_NAME] = "string", [DB_WORD] = "string", [DB_PATH] = "string",
	[DB_SHARE_NAME] = "string", [DB_HOSTS] = "string", [DB_INT] = "integer",
	[DB_SIZE] = "string", [DB_FLAG] = "boolean", [DB_OBJECT] = "object", [DB_RULES] = "string",
	[DB_TIME] = "string",
};

static struct rest_json *
object_of(const char *key, struct rest_json *child)
{
	struct rest_json *o = rest_json_object();

	rest_json_put(o, key, child);
	return o;
}

static struct rest_json *
text_of_key(const char *key, const char *value)
{
	return object_of(key, rest_json_string(value));
}

static struct rest_json *
ref(const char *name)
{
	char to[100];

	snprintf(to, sizeof to, "#/components/schemas/%s", name);
	return text_of_key("$ref", to);
}

/* --- schemas --- */

static void
put_words(struct rest_json *to, const char *words)
{
	struct rest_json *list = rest_json_array();
	char word[64];

	for (const char *w = words; *w != '\0'; w += *w == '|') {
		size_t n = strcspn(w, "|");

		snprintf(word, sizeof word, "%.*s", (int)n, w);
		rest_json_add(list, rest_json_string(word));
		w += n;
	}
	rest_json_put(to, "enum", list);
}

static struct rest_json *
field_schema(const struct db_field *f)
{
	struct rest_json *s = text_of_key("type", kinds[f->kind]);

	if (f->dflt == NULL && !(f->flags & DB_REQ))
		rest_json_put_bool(s, "nullable", true);
	if (f->flags & DB_RO)
		rest_json_put_bool(s, "readOnly", true);
	if (f->kind == DB_WORD)
		put_words(s, f->words);
	if (f->kind == DB_TIME)
		rest_json_put_str(s, "format", "date-time");
	if (f->kind == DB_INT) {
		rest_json_put_int(s, "minimum", f->least);
		rest_json_put_int(s, "maximum", f->most);
	}
	if (f->kind == DB_STR || f->kind == DB_NAME || f->kind == DB_SHARE_NAME) {
		rest_json_put_int(s, "minLength", f->least);
		rest_json_put_int(s, "maxLength", f->most);
	}
	if (f->kind == DB_SIZE)
		rest_json_put_str(s, "description", "a size, as in 10GiB, or a number of bytes");
	if (f->kind == DB_RULES)
		rest_json_put_str(s, "description",
		    "export rules, as in 10.0.0.0/8(rw,none) *(ro,root_to_guest)");
	return s;
}

static struct rest_json *
entity_schema(enum db_entity e)
{
	struct rest_json *s = text_of_key("type", "object"), *props = rest_json_object();
	struct rest_json *wanted = rest_json_array();

	for (int i = 0; i < db_entity[e].fields; i++) {
		const struct db_field *f = &db_entity[e].field[i];

		if (!(f->flags & DB_HIDE))
			rest_json_put(props, f->name, field_schema(f));
		if ((f->flags & DB_REQ) && !(f->flags & DB_HIDE))
			rest_json_add(wanted, rest_json_string(f->name));
	}
	rest_json_put(s, "properties", props);
	if (rest_json_len(wanted) > 0)
		rest_json_put(s, "required", wanted);
	else
		rest_json_free(wanted);
	return s;
}

static struct rest_json *
problem_schema(void)
{
	static const char *const texts[] = { "type", "title", "detail", "code", "hint",
		"instance" };
	struct rest_json *props = object_of("status", text_of_key("type", "integer"));

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		rest_json_put(props, texts[i], text_of_key("type", "string"));
	rest_json_put(props, "errors", text_of_key("type", "object"));
	return object_of("properties", props);
}

/* --- operations --- */

static struct rest_json *
content(const char *type, struct rest_json *schema)
{
	return object_of("content", object_of(type, object_of("schema", schema)));
}

static struct rest_json *
answer(const char *text, struct rest_json *with)
{
	rest_json_put_str(with, "description", text);
	return with;
}

static struct rest_json *
good(const struct rest_route *r)
{
	struct rest_json *schema;

	if (r->entity == REST_NO_ENTITY)
		return answer("done", rest_json_object());
	schema = ref(db_entity[r->entity].name);
	if (r->flags & REST_LIST) {
		struct rest_json *list = text_of_key("type", "array");

		rest_json_put(list, "items", schema);
		schema = list;
	}
	return answer("done", content("application/json", schema));
}

static const char *
good_code(const struct rest_route *r)
{
	if (strcmp(r->method, "DELETE") == 0 || (r->flags & REST_EMPTY))
		return "204";
	if (r->flags & REST_LATER)
		return "202";
	return strncmp(r->operation, "create", 6) == 0 || strncmp(r->operation, "add", 3) == 0 ?
	    "201" : "200";
}

static struct rest_json *
parameters(const char *path, const struct rest_route *r)
{
	struct rest_json *list = rest_json_array();
	int n = 0;

	for (const char *s = path; (s = strstr(s, "{}")) != NULL; s += 2) {
		struct rest_json *p = rest_json_object();
		char name[16];

		snprintf(name, sizeof name, "p%d", ++n);
		rest_json_put_str(p, "name", name);
		rest_json_put_str(p, "in", "path");
		rest_json_put_bool(p, "required", true);
		rest_json_put(p, "schema", text_of_key("type", "string"));
		rest_json_add(list, p);
	}
	for (int i = 0; (r->flags & REST_LIST) && i < 2; i++) {
		struct rest_json *p = rest_json_object();

		rest_json_put_str(p, "name", i == 0 ? "limit" : "after");
		rest_json_put_str(p, "in", "query");
		rest_json_put(p, "schema", text_of_key("type", i == 0 ? "integer" : "string"));
		rest_json_add(list, p);
	}
	return list;
}

static struct rest_json *
operation(const struct rest_route *r)
{
	static const char *const bad[][2] = { { "400", "the body is malformed" },
		{ "401", "no token, or one that does not count" }, { "403", "not allowed" },
		{ "404", "no such thing" }, { "422", "fields are not valid" } };
	static const char *const roles[] = { "public", "user", "self", "operator", "admin" };
	struct rest_json *o = rest_json_object(), *answers = rest_json_object();
	struct rest_json *security = rest_json_array();

	rest_json_put_str(o, "operationId", r->operation);
	rest_json_put_str(o, "summary", r->summary);
	rest_json_put_str(o, "x-role", roles[r->role]);
	rest_json_put_bool(o, "x-before-password-change", r->role == REST_PUBLIC ||
	    (r->flags & REST_EARLY));
	rest_json_put(o, "parameters", parameters(r->path, r));
	if (r->flags & REST_BODY)
		rest_json_put(o, "requestBody",
		    content("application/json",
			r->entity == REST_NO_ENTITY ? text_of_key("type", "object") :
						      ref(db_entity[r->entity].name)));
	rest_json_put(answers, good_code(r), good(r));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		rest_json_put(answers, bad[i][0], answer(bad[i][1],
		    content("application/problem+json", ref("Problem"))));
	rest_json_put(o, "responses", answers);
	if (r->role != REST_PUBLIC)
		rest_json_add(security, object_of("bearer", rest_json_array()));
	rest_json_put(o, "security", security);
	return o;
}

/* "/users/{}" as OpenAPI wants it: "/users/{p1}". */
static void
named(const char *path, char *to, size_t cap)
{
	struct text t = text_of(to, cap);
	int n = 0;

	for (; *path != '\0'; path++)
		if (strncmp(path, "{}", 2) == 0)
			text_addf(&t, "{p%d", ++n);
		else
			text_addn(&t, path, 1);
}

static void
lower(const char *from, char to[8])
{
	size_t i = 0;

	for (; from[i] != '\0' && i < 7; i++)
		to[i] = (char)(from[i] | 0x20);
	to[i] = '\0';
}

static struct rest_json *
paths(void)
{
	struct rest_json *all = rest_json_object();

	for (int i = 0; i < rest_routes_count; i++) {
		char path[200], method[8];
		struct rest_json *item;

		if (i > 0 && strcmp(rest_routes[i - 1].path, rest_routes[i].path) == 0)
			continue;
		named(rest_routes[i].path, path, sizeof path);
		item = rest_json_object();
		for (int j = 0; j < rest_routes_count; j++)
			if (strcmp(rest_routes[j].path, rest_routes[i].path) == 0) {
				lower(rest_routes[j].method, method);
				rest_json_put(item, method, operation(&rest_routes[j]));
			}
		rest_json_put(all, path, item);
	}
	return all;
}

char *
rest_openapi_make(void)
{
	struct rest_json *doc = rest_json_object(), *info = rest_json_object();
	struct rest_json *schemas = rest_json_object(), *bearer = text_of_key("type", "http");
	struct rest_json *components;
	char *text;

	rest_json_put_str(doc, "openapi", "3.0.3");
	rest_json_put_str(info, "title", "DittoFS control plane");
	rest_json_put_str(info, "version", DFS_VERSION);
	rest_json_put(doc, "info", info);
	rest_json_put(doc, "paths", paths());
	for (int e = 0; e < DB_ENTITIES; e++)
		rest_json_put(schemas, db_entity[e].name, entity_schema((enum db_entity)e));
	rest_json_put(schemas, "Problem", problem_schema());
	rest_json_put_str(bearer, "scheme", "bearer");
	rest_json_put_str(bearer, "bearerFormat", "JWT");
	components = object_of("schemas", schemas);
	rest_json_put(components, "securitySchemes", object_of("bearer", bearer));
	rest_json_put(doc, "components", components);
	text = rest_json_text(doc);
	rest_json_free(doc);
	return text;
}
