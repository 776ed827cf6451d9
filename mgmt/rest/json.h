/*
 * JSON, for this room and its tests: jansson ends in json.c.  A value is owned by who made or
 * parsed it until it is put into another; what is got out of one is borrowed.
 */
#ifndef MGMT_REST_JSON_H
#define MGMT_REST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rest_json;

enum rest_json_kind {
	REST_NULL,
	REST_FALSE,
	REST_TRUE,
	REST_INT,
	REST_REAL,
	REST_STRING,
	REST_ARRAY,
	REST_OBJECT
};

/* NULL: it is no JSON value; why says where. */
struct rest_json *rest_json_parse(const char *bytes, size_t len, char *why, size_t why_cap);
void rest_json_free(struct rest_json *j);
/* Compact text; the caller frees it. */
char *rest_json_text(const struct rest_json *j);
char *rest_json_pretty(const struct rest_json *j);	/* for people */

struct rest_json *rest_json_object(void);
struct rest_json *rest_json_array(void);
struct rest_json *rest_json_copy(const struct rest_json *j);	/* whole */
struct rest_json *rest_json_string(const char *s);	/* what is no UTF-8 becomes "?" */

/* Each takes nothing but `child`, which is taken. */
void rest_json_put(struct rest_json *object, const char *key, struct rest_json *child);
void rest_json_put_str(struct rest_json *object, const char *key, const char *s);
void rest_json_put_int(struct rest_json *object, const char *key, int64_t n);
void rest_json_put_bool(struct rest_json *object, const char *key, bool fact);
void rest_json_put_null(struct rest_json *object, const char *key);
void rest_json_add(struct rest_json *array, struct rest_json *child);

enum rest_json_kind rest_json_kind(const struct rest_json *j);
const struct rest_json *rest_json_get(const struct rest_json *object,
    const char *key); /* NULL: none */
const char *rest_json_get_str(const struct rest_json *object, const char *key);	/* NULL: no text */
int64_t rest_json_int(const struct rest_json *j);
const char *rest_json_str(const struct rest_json *j);
size_t rest_json_len(const struct rest_json *array);
const struct rest_json *rest_json_at(const struct rest_json *array, size_t at);

/* The members of an object, in their order; see returns false to stop. */
void rest_json_each(const struct rest_json *object,
    bool (*see)(const char *key, const struct rest_json *value, void *arg), void *arg);

#endif
