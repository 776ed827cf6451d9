/*
 * Who asks.  A token says who it was given to; what they may do is read from the database each
 * time, so that a disabled user, a lost role or an ended session is refused at once.
 */
#include "mgmt/rest/guard.h"

#include "mgmt/rest/jwt.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ISSUER "dittofs"

static int64_t
now_s(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_S);
}

static void
refuse(struct rest_call *call, const char *code, const char *detail)
{
	rest_problem(call, 401, code, "log in again: dfsctl login", "%s", detail);
}

/* NULL: said that there is none. */
static const char *
token_of(struct rest_call *call)
{
	const char *header = call->rq->authorization;

	if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0)
		return header + 7;
	refuse(call, "no_token", "this needs a token");
	return NULL;
}

/* The claims of a token, if it is an access token of ours in its time. */
static struct rest_json *
claims_of(struct rest_call *call, const char *token)
{
	struct rest_json *j = rest_jwt_open(token, rest_state.jwt_key);
	const char *type, *issuer;

	if (j == NULL) {
		refuse(call, "bad_token", "the token is not one of this server's");
		return NULL;
	}
	type = rest_json_get_str(j, "token_type");
	issuer = rest_json_get_str(j, "iss");
	if (type == NULL || strcmp(type, "access") != 0 || issuer == NULL ||
	    strcmp(issuer, ISSUER) != 0)
		refuse(call, "bad_token", "it is no access token");
	else if (rest_json_get(j, "exp") == NULL ||
	    rest_json_int(rest_json_get(j, "exp")) <= now_s())
		refuse(call, "expired", "the token has expired");
	else
		return j;
	rest_json_free(j);
	return NULL;
}

/* What the database says about the claims' user and session now, and until when that holds. */
static bool
still_true(struct rest_call *call, struct db_conn *c, const struct rest_json *claims,
    int64_t *until_s)
{
	const char *user = rest_json_get_str(claims, "sub"),
		   *sid = rest_json_get_str(claims, "sid");
	const struct rest_json *epoch = rest_json_get(claims, "epoch");
	struct db_session s;
	struct db_login l;

	if (user == NULL || sid == NULL || epoch == NULL ||
	    db_session_get(c, sid, &s) != OK || strcmp(s.username, user) != 0 || s.revoked ||
	    s.expires_at <= now_s() || db_login_get(c, user, &l) != OK ||
	    l.epoch != rest_json_int(epoch)) {
		refuse(call, "session_ended", "the session has ended");
		return false;
	}
	if (!l.enabled) {
		rest_problem(call, 403, "disabled", "an administrator can enable it",
		    "the account \"%s\" is disabled", user);
		return false;
	}
	snprintf(call->who.username, sizeof call->who.username, "%s", user);
	snprintf(call->who.role, sizeof call->who.role, "%s", l.role);
	snprintf(call->who.session, sizeof call->who.session, "%s", sid);
	snprintf(call->who.id, sizeof call->who.id, "%s", l.id);
	call->who.must_change = l.must_change;
	*until_s = MIN(s.expires_at, rest_json_int(rest_json_get(claims, "exp")));
	return true;
}

static bool
role_ok(struct rest_call *call)
{
	bool admin = strcmp(call->who.role, "admin") == 0;

	switch (call->route->role) {
	case REST_PUBLIC:
	case REST_USER:
		return true;
	case REST_SELF:
		if (admin || strcmp(call->arg[0], call->who.username) == 0)
			return true;
		break;
	case REST_OPERATOR:
		if (admin || strcmp(call->who.role, "operator") == 0)
			return true;
		break;
	case REST_ADMIN:
		if (admin)
			return true;
		break;
	}
	rest_problem(call, 403, "forbidden", NULL, "this needs the role %s; \"%s\" is %s",
	    call->route->role == REST_OPERATOR ? "operator" : "admin", call->who.username,
	    call->who.role);
	return false;
}

/* Whose token it is, by the token and the database. */
static bool
look(struct rest_call *call, const char *token, uint64_t generation)
{
	struct rest_json *claims = claims_of(call, token);
	int64_t until_s = 0;
	struct db_conn *c;
	enum status st;
	bool ok;

	if (claims == NULL)
		return false;
	st = db_begin(rest_state.db, false, &c);
	if (st != OK)
		rest_status(call, st, "the control database", "");
	ok = st == OK && still_true(call, c, claims, &until_s);
	if (st == OK && db_end(&c, false) != OK)
		ok = false;
	rest_json_free(claims);
	if (ok)
		rest_known_keep(token, generation, until_s, &call->who);
	return ok;
}

bool
rest_guard(struct rest_call *call)
{
	uint64_t generation = db_generation(rest_state.db);
	const char *token;

	if (call->route->role == REST_PUBLIC)
		return true;
	token = token_of(call);
	if (token == NULL || (!rest_known_find(token, generation, now_s(), &call->who) &&
	    !look(call, token, generation)))
		return false;
	if (call->who.must_change && !(call->route->flags & REST_EARLY)) {
		rest_problem(call, 403, "must_change_password",
		    "run 'dfsctl user change-password' to set one",
		    "account \"%s\" must set a new password before performing other operations",
		    call->who.username);
		return false;
	}
	return role_ok(call);
}

/* --- giving tokens --- */

static void
add_group(const char *group, void *arg)
{
	rest_json_add(arg, rest_json_string(group));
}

static struct rest_json *
claims_make(const char *username, const struct db_login *l, const struct db_session *s,
    const char *type, uint64_t life_s)
{
	struct rest_json *j = rest_json_object();

	rest_json_put_str(j, "iss", ISSUER);
	rest_json_put_str(j, "sub", username);
	rest_json_put_str(j, "username", username);
	rest_json_put_str(j, "uid", l->id);
	rest_json_put_str(j, "role", l->role);
	rest_json_put_str(j, "token_type", type);
	rest_json_put_bool(j, "must_change_password", l->must_change);
	rest_json_put_str(j, "sid", s->id);
	rest_json_put_int(j, "seq", s->seq);
	rest_json_put_int(j, "epoch", l->epoch);
	rest_json_put_int(j, "iat", now_s());
	rest_json_put_int(j, "exp", now_s() + (int64_t)life_s);
	return j;
}

static bool
put_token(struct rest_json *to, const char *key, struct rest_json *claims)
{
	char token[REST_TOKEN_MAX];
	bool ok = rest_jwt_sign(claims, rest_state.jwt_key, token);

	rest_json_free(claims);
	if (ok)
		rest_json_put_str(to, key, token);
	return ok;
}

static void
put_expiry(struct rest_json *to)
{
	time_t at = (time_t)now_s() + (time_t)rest_state.conf.access_s;
	char text[DB_TIME_TEXT];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	rest_json_put_str(to, "token_type", "Bearer");
	rest_json_put_int(to, "expires_in", (int64_t)rest_state.conf.access_s);
	rest_json_put_str(to, "expires_at", text);
}

static struct rest_json *
user_json(const char *username, const struct db_login *l, struct db_conn *c)
{
	struct rest_json *user = rest_json_object(), *groups = rest_json_array();

	rest_json_put_str(user, "id", l->id);
	rest_json_put_str(user, "username", username);
	rest_json_put_str(user, "role", l->role);
	rest_json_put_bool(user, "must_change_password", l->must_change);
	if (db_groups_of(c, username, add_group, groups) != OK)
		rest_json_put_null(user, "groups");
	rest_json_put(user, "groups", groups);
	return user;
}

struct rest_json *
rest_tokens(struct rest_call *call, struct db_conn *c, const char *username, struct db_session *s)
{
	struct rest_json *pair = rest_json_object(), *claims;
	struct db_login l;
	enum status st = OK;

	if (s->id[0] == '\0') {
		*s = (struct db_session){ .turned_at = now_s(),
			.expires_at = now_s() + (int64_t)rest_state.conf.refresh_s };
		snprintf(s->username, sizeof s->username, "%s", username);
		st = db_session_new(c, s);
	}
	if (st == OK)
		st = db_login_get(c, username, &l);
	if (st != OK) {
		rest_json_free(pair);
		rest_status(call, st, "user", username);
		return NULL;
	}
	claims = claims_make(username, &l, s, "access", rest_state.conf.access_s);
	if (!put_token(pair, "access_token", claims) || !put_token(pair, "refresh_token",
	    claims_make(username, &l, s, "refresh", rest_state.conf.refresh_s))) {
		rest_json_free(pair);
		rest_problem(call, 500, "internal", NULL, "cannot sign a token");
		return NULL;
	}
	put_expiry(pair);
	rest_json_put(pair, "user", user_json(username, &l, c));
	return pair;
}
