/*
 * The wrapping of jansson.  Members named twice and texts with NUL are refused by the parser, so
 * that no two readers see different values.
 */
#include "mgmt/rest/json.h"

#include "pipeline/base/panic.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

#define OURS(j) ((struct rest_json *)(void *)(j))
#define THEIRS(j) ((json_t *)(void *)(uintptr_t)(j))

/* jansson's own bound of depth is its stack's; ours is what any request needs.  Brackets in
 * texts are not counted. */
static bool
too_deep(const char *s, size_t len)
{
	int depth = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		if (text) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				text = false;
			continue;
		}
		text = s[i] == '"';
		if (s[i] == '[' || s[i] == '{')
			depth++;
		else if (s[i] == ']' || s[i] == '}')
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

struct rest_json *
rest_json_parse(const char *bytes, size_t len, char *why, size_t why_cap)
{
	json_error_t e;
	json_t *j;

	if (too_deep(bytes, len)) {
		snprintf(why, why_cap, "nested deeper than %d", DEPTH_MAX);
		return NULL;
	}
	j = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (j == NULL)
		snprintf(why, why_cap, "line %d, column %d: no valid JSON", e.line, e.column);
	return OURS(j);
}

void
rest_json_free(struct rest_json *j)
{
	json_decref(THEIRS(j));
}

char *
rest_json_text(const struct rest_json *j)
{
	char *s = json_dumps(THEIRS(j), JSON_COMPACT | JSON_ENCODE_ANY);

	assert(s != NULL);
	return s;
}

char *
rest_json_pretty(const struct rest_json *j)
{
	char *s = json_dumps(THEIRS(j), JSON_INDENT(2) | JSON_ENCODE_ANY);

	assert(s != NULL);
	return s;
}

static struct rest_json *
made(json_t *j)
{
	assert(j != NULL);
	return OURS(j);
}

struct rest_json *
rest_json_object(void)
{
	return made(json_object());
}

struct rest_json *
rest_json_array(void)
{
	return made(json_array());
}

struct rest_json *
rest_json_copy(const struct rest_json *j)
{
	return made(json_deep_copy(THEIRS(j)));
}

struct rest_json *
rest_json_string(const char *s)
{
	json_t *j = json_string(s);

	return made(j != NULL ? j : json_string("?"));
}

void
rest_json_put(struct rest_json *object, const char *key, struct rest_json *child)
{
	int rc = json_object_set_new(THEIRS(object), key, THEIRS(child));

	assert(rc == 0);
}

void
rest_json_put_str(struct rest_json *object, const char *key, const char *s)
{
	rest_json_put(object, key, rest_json_string(s));
}

void
rest_json_put_int(struct rest_json *object, const char *key, int64_t n)
{
	rest_json_put(object, key, OURS(json_integer(n)));
}

void
rest_json_put_bool(struct rest_json *object, const char *key, bool fact)
{
	rest_json_put(object, key, OURS(json_boolean(fact)));
}

void
rest_json_put_null(struct rest_json *object, const char *key)
{
	rest_json_put(object, key, OURS(json_null()));
}

void
rest_json_add(struct rest_json *array, struct rest_json *child)
{
	int rc = json_array_append_new(THEIRS(array), THEIRS(child));

	assert(rc == 0);
}

enum rest_json_kind
rest_json_kind(const struct rest_json *j)
{
	switch (json_typeof(THEIRS(j))) {
	case JSON_NULL: return REST_NULL;
	case JSON_FALSE: return REST_FALSE;
	case JSON_TRUE: return REST_TRUE;
	case JSON_INTEGER: return REST_INT;
	case JSON_REAL: return REST_REAL;
	case JSON_STRING: return REST_STRING;
	case JSON_ARRAY: return REST_ARRAY;
	case JSON_OBJECT: return REST_OBJECT;
	}
	return REST_NULL;
}

const struct rest_json *
rest_json_get(const struct rest_json *object, const char *key)
{
	return object == NULL ? NULL : OURS(json_object_get(THEIRS(object), key));
}

const char *
rest_json_get_str(const struct rest_json *object, const char *key)
{
	return json_string_value(json_object_get(THEIRS(object), key));
}

int64_t
rest_json_int(const struct rest_json *j)
{
	return json_integer_value(THEIRS(j));
}

const char *
rest_json_str(const struct rest_json *j)
{
	return json_string_value(THEIRS(j));
}

size_t
rest_json_len(const struct rest_json *array)
{
	return json_array_size(THEIRS(array));
}

const struct rest_json *
rest_json_at(const struct rest_json *array, size_t at)
{
	return OURS(json_array_get(THEIRS(array), at));
}

void
rest_json_each(const struct rest_json *object,
    bool (*see)(const char *key, const struct rest_json *value, void *arg), void *arg)
{
	const char *key;
	json_t *value;

	json_object_foreach(THEIRS(object), key, value)
		if (!see(key, OURS(value), arg))
			return;
}
