/*
 * One way for every request: find the row, ask the guard, read the body, begin, handle, write the
 * audit entry, keep or undo.  Handlers only say what happens.
 */
#include "mgmt/rest/guard.h"
#include "mgmt/rest/live.h"

#include "crypto/password.h"
#include "crypto/secret.h"
#include "pipeline/base/id.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_LIMIT = 8 << 20, PASSWORD_MIN = 8, PASSWORD_MAX = 128 };

#define NONE NO_ENTITY
#define DB_NO_ENTITY REST_NO_ENTITY
#define BODY REST_BODY
#define HASH REST_HASH
#define EARLY REST_EARLY
#define LIST REST_LIST
#define EMPTY REST_EMPTY
#define LATER REST_LATER
#define REST_BEGIN_NO_ENTITY REST_BEGIN_NONE

const struct rest_route rest_routes[] = {
#define ROUTE(method, path, role, begin, flags, handler, entity, operation, summary) \
	{ #method, path, REST_##role, REST_BEGIN_##begin, flags, rest_do_##handler, \
	  ENTITY_OF(entity), operation, summary },
#define ENTITY_OF(e) DB_##e
#include "mgmt/rest/route.def"
#undef ROUTE
};
const int rest_routes_count = ARRAY_LEN(rest_routes);

/* Does the pattern cover the path?  What stands for {} goes to arg. */
static bool
covers(const char *pattern, const char *path, char arg[][REST_ARG_MAX])
{
	int args = 0;

	for (int i = 0; i < REST_ARGS_MAX; i++)
		arg[i][0] = '\0';
	while (*pattern != '\0' && *path != '\0') {
		if (strncmp(pattern, "{}", 2) != 0) {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t n = strcspn(path, "/");

		if (n == 0 || !rest_unescape(path, n, arg[args++], REST_ARG_MAX))
			return false;
		pattern += 2;
		path += n;
	}
	return *pattern == '\0' && *path == '\0';
}

static int
literals(const char *pattern)
{
	int n = 0;

	for (; *pattern != '\0'; pattern++)
		n += *pattern != '{' && *pattern != '}';
	return n;
}

/* The row with the most literal pattern; the methods that the path has otherwise. */
static const struct rest_route *
find(struct rest_call *call, const char *method)
{
	const struct rest_route *best = NULL;
	char arg[REST_ARGS_MAX][REST_ARG_MAX];
	struct text allow = text_of(call->re->allow, sizeof call->re->allow);

	for (int i = 0; i < rest_routes_count; i++) {
		const struct rest_route *r = &rest_routes[i];

		if (!covers(r->path, call->rq->path, arg))
			continue;
		if (strcmp(r->method, method) != 0) {
			if (strstr(call->re->allow, r->method) == NULL)
				text_addf(&allow, "%s%s", allow.len > 0 ? ", " : "", r->method);
		} else if (best == NULL || literals(r->path) > literals(best->path)) {
			best = r;
			memcpy(call->arg, arg, sizeof arg);
		}
	}
	return best;
}

/* --- the body --- */

static bool
read_body(struct rest_call *call)
{
	const struct rest_request *rq = call->rq;
	char why[120];

	if (!(call->route->flags & REST_BODY))
		return true;
	call->body = rest_json_parse(rq->body != NULL ? rq->body : "", rq->body_len, why,
	    sizeof why);
	if (call->body == NULL) {
		rest_problem(call, 400, "malformed", NULL, "the body: %s", why);
		return false;
	}
	if (rest_json_kind(call->body) != REST_OBJECT) {
		rest_problem(call, 400, "malformed", NULL, "the body is no JSON object");
		return false;
	}
	return true;
}

bool
rest_password_ok(struct rest_call *call, const char *field, const char *password)
{
	size_t len = strlen(password);
	struct rest_json *errors;

	if (len >= PASSWORD_MIN && len <= PASSWORD_MAX)
		return true;
	errors = rest_json_object();
	rest_json_put_str(errors, field, "must be of 8 to 128 bytes");
	rest_invalid(call, errors);
	return false;
}

bool
rest_password_hash(struct rest_call *call, const char *password)
{
	if (password_hash(password, strlen(password), &password_cost_login, call->hash) == 0)
		return true;
	rest_problem(call, 503, "busy", "repeat it later", "no memory to hash a password");
	return false;
}

/* Before the transaction, for it takes a while. */
static bool
hash_password(struct rest_call *call)
{
	static const char *const fields[] = { "password", "new_password" };

	if (!(call->route->flags & REST_HASH))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *password = rest_json_get_str(call->body, fields[i]);

		if (password != NULL)
			return rest_password_ok(call, fields[i], password) &&
			    rest_password_hash(call, password);
	}
	return true;
}

/* --- the transaction --- */

static enum status
audit(struct rest_call *call)
{
	char action[96];

	snprintf(action, sizeof action, "%s %s", call->route->operation, call->route->method);
	return db_audit_add(call->conn, &(struct db_audit){ .actor = call->who.username[0] ?
	    call->who.username : "-", .address = call->rq->peer, .request_id = call->re->request_id,
	    .action = action, .target = call->rq->path, .status = call->re->code });
}

static void
finish(struct rest_call *call)
{
	bool write = call->route->begin == REST_BEGIN_WRITE;
	bool keep = write && call->re->code < 400;
	enum status st = keep ? audit(call) : OK, ended;

	ended = db_end(&call->conn, keep && st == OK);
	if (st == OK)
		st = ended;
	rest_live_settle(call, keep && st == OK);
	if (st == OK || !keep)
		return;
	log_error("rest.commit", F_STR("status", status_name(st)), F_STR("path", call->rq->path));
	rest_status(call, st, "the change", call->route->operation);
}

static void
run(struct rest_call *call)
{
	enum rest_begin begin = call->route->begin;

	call->generation = db_generation(rest_state.db);
	if (call->route->flags & REST_LIST && rest_list_known(call))
		return;
	if (begin != REST_BEGIN_NONE) {
		enum status st = db_begin(rest_state.db, begin == REST_BEGIN_WRITE, &call->conn);

		if (st != OK) {
			rest_status(call, st, "the control database", "");
			return;
		}
	}
	call->route->handler(call);
	if (begin != REST_BEGIN_NONE)
		finish(call);
	assert(call->conn == NULL);
}

static void
way(struct rest_call *call)
{
	const struct rest_request *rq = call->rq;
	const char *method = strcmp(rq->method, "HEAD") == 0 ? "GET" : rq->method;

	call->route = find(call, method);
	if (call->route == NULL && call->re->allow[0] != '\0')
		rest_problem(call, 405, "method_not_allowed", NULL,
		    "%.16s is not for this path; %s is", rq->method, call->re->allow);
	else if (call->route == NULL)
		rest_problem(call, 404, "no_route", "/api/v1/openapi.json lists all paths",
		    "there is no such path");
	else if (rq->body_too_long)
		rest_problem(call, 413, "too_large", NULL, "a body is of at most %d bytes",
		    REST_BODY_MAX);
	else if (rest_guard(call) && read_body(call) && hash_password(call))
		run(call);
	if (call->route != NULL)
		call->re->allow[0] = '\0';
}

static bool
sane_id(const char *s)
{
	size_t n = 0;

	for (; s != NULL && s[n] != '\0'; n++)
		if (strchr("0123456789abcdefABCDEF-", s[n]) == NULL)
			return false;
	return n >= 8 && n < DB_ID_TEXT;
}

void
rest_answer(const struct rest_request *rq, struct rest_reply *re)
{
	struct rest_call *call = xcalloc(1, sizeof *call);

	*re = (struct rest_reply){ .code = 500 };
	call->rq = rq;
	call->re = re;
	if (sane_id(rq->request_id))
		snprintf(re->request_id, sizeof re->request_id, "%s", rq->request_id);
	else
		id128_text(id128_random(), re->request_id);
	arena_init(&call->arena, NULL, 0, ARENA_LIMIT);
	way(call);
	log_debug("rest.request", F_STR("method", rq->method), F_STR("path", rq->path),
	    F_U64("status", re->code), F_STR("user", call->who.username),
	    F_STR("request_id", re->request_id));
	rest_json_free(call->body);
	secret_wipe(call->hash, sizeof call->hash);
	arena_rewind(&call->arena);
	free(call);
}
