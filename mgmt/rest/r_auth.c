/*
 * Logging in and out, turning tokens, one's own password.
 */
#include "mgmt/rest/guard.h"

#include "crypto/password.h"
#include "mgmt/rest/entity.h"
#include "mgmt/rest/jwt.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#include <stdio.h>
#include <string.h>

enum { TURN_GRACE_S = 10, NAME_MAX_BYTES = 64, PASSWORD_SENT_MAX = 1024 };

/* What an unknown user's password is tried against, so that the time says nothing. */
static const char nobody[] =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
    "RdescudvJCsgt3ub+b0dWRWJTmaaJObGV9zB2hXnhNM";

static const char *
wanted(struct rest_call *call, const char *field, size_t most)
{
	const char *s = rest_json_get_str(call->body, field);

	if (s != NULL && *s != '\0' && strlen(s) <= most)
		return s;
	rest_invalid_field(call, field, "is wanted, as a text of at most %zu bytes", most);
	return NULL;
}

static void
audit_login(struct rest_call *call, struct db_conn *c, const char *username, int http)
{
	char target[NAME_MAX_BYTES * 2];

	snprintf(target, sizeof target, "user %.64s", username);
	if (db_audit_add(c, &(struct db_audit){ .actor = http < 400 ? username : "-",
	    .address = call->rq->peer, .request_id = call->re->request_id,
	    .action = call->route->operation, .target = target, .status = http }) != OK)
		log_error("rest.audit", F_STR("action", call->route->operation));
}

static bool
limited(struct rest_call *call, const char *username)
{
	unsigned wait_s = rest_limit_ask(username, call->rq->peer);

	if (wait_s == 0)
		return false;
	call->re->retry_after_s = wait_s;
	rest_problem(call, 429, "too_many_attempts", "wait, then try again",
	    "too many attempts to log in; the next is heard in %u s", wait_s);
	return true;
}

static void
failed(struct rest_call *call, const char *username)
{
	struct db_conn *c;

	rest_limit_failed(username, call->rq->peer);
	rest_problem(call, 401, "bad_credentials", NULL, "user or password is wrong");
	if (db_begin(rest_state.db, true, &c) != OK)
		return;
	audit_login(call, c, username, 401);
	if (db_end(&c, true) != OK)
		log_error("rest.audit", F_STR("action", "login"));
}

/* Does the password belong to the user?  The database is not held while it is tried. */
static bool
proven(struct rest_call *call, const char *username, const char *password, struct db_login *login)
{
	struct db_conn *c;
	enum status st = db_begin(rest_state.db, false, &c), found;

	if (st != OK) {
		rest_status(call, st, "the control database", "");
		return false;
	}
	found = db_login_get(c, username, login);
	st = db_end(&c, false);
	if (st != OK || (found != OK && found != ST_NOENT)) {
		rest_status(call, st != OK ? st : found, "user", username);
		return false;
	}
	if (password_verify(password, strlen(password), found == OK && login->hash[0] != '\0' ?
	    login->hash : nobody) != 0 || found != OK) {
		failed(call, username);
		return false;
	}
	return true;
}

/* A pair in one transaction; before is what else it holds. */
static void
give_pair(struct rest_call *call, const char *username, struct db_session *s, const char *new_hash)
{
	struct rest_json *pair = NULL;
	struct db_conn *c;
	enum status st = db_begin(rest_state.db, true, &c);

	if (st == OK && new_hash != NULL)
		st = db_password_set(c, username, new_hash, false);
	else if (st == OK && s->id[0] == '\0')
		st = db_logged_in(c, username);
	else if (st == OK)
		st = db_session_turn(c, s);
	if (st != OK)
		rest_status(call, st, "user", username);
	else
		pair = rest_tokens(call, c, username, s);
	if (pair != NULL)
		audit_login(call, c, username, 200);
	st = db_end(&c, pair != NULL);
	if (pair != NULL && st == OK) {
		rest_json_reply(call, 200, pair);
		return;
	}
	rest_json_free(pair);
	if (st != OK)
		rest_status(call, st, "the log-in of", username);
}

void
rest_do_login(struct rest_call *call)
{
	const char *username = wanted(call, "username", NAME_MAX_BYTES), *password;
	struct db_session s = { .id = "" };
	struct db_login login;

	if (username == NULL || (password = wanted(call, "password", PASSWORD_SENT_MAX)) == NULL ||
	    limited(call, username) || !proven(call, username, password, &login))
		return;
	rest_limit_passed(username, call->rq->peer);
	if (!login.enabled)
		rest_problem(call, 403, "disabled", "an administrator can enable it",
		    "the account \"%s\" is disabled", username);
	else
		give_pair(call, username, &s, NULL);
}

/* --- turning --- */

static void
stolen(struct rest_call *call, const struct db_session *s)
{
	struct db_conn *c;

	log_warn("rest.token_reused", F_STR("user", s->username), F_STR("peer", call->rq->peer));
	if (db_begin(rest_state.db, true, &c) == OK) {
		enum status st = db_session_revoke(c, s->id);

		audit_login(call, c, s->username, 401);
		if (db_end(&c, st == OK) != OK)
			log_error("rest.revoke", F_STR("user", s->username));
	}
	rest_problem(call, 401, "token_reused", "log in again: dfsctl login",
	    "this refresh token was used before; its session has ended");
}

static bool
session_now(struct rest_call *call, const char *id, struct db_session *s, struct db_login *l)
{
	struct db_conn *c;
	enum status st = db_begin(rest_state.db, false, &c), ended;

	if (st == OK) {
		st = db_session_get(c, id, s);
		if (st == OK)
			st = db_login_get(c, s->username, l);
		ended = db_end(&c, false);
		st = st != OK ? st : ended;
	}
	if (st == OK || st == ST_NOENT)
		return st == OK;
	rest_status(call, st, "the session", "");
	return false;
}

/* The newest token turns; the one before it is heard for a moment longer, for an answer may have
 * been lost; any older one ends the session. */
static void
turn(struct rest_call *call, const struct rest_json *claims)
{
	const char *sid = rest_json_get_str(claims, "sid"), *type;
	int64_t now = (int64_t)(clock_wall_ns() / NS_PER_S), seq;
	struct db_session s = { 0 };
	struct db_login l;

	type = rest_json_get_str(claims, "token_type");
	seq = rest_json_get(claims, "seq") != NULL ? rest_json_int(rest_json_get(claims, "seq")) :
						     0;
	if (sid != NULL && type != NULL && strcmp(type, "refresh") == 0 &&
	    !session_now(call, sid, &s, &l) && call->re->body != NULL)
		return;
	if (s.id[0] == '\0' || s.revoked || s.expires_at <= now ||
	    rest_json_get(claims, "epoch") == NULL ||
	    rest_json_int(rest_json_get(claims, "epoch")) != l.epoch) {
		rest_problem(call, 401, "session_ended", "log in again: dfsctl login",
		    "the session has ended");
		return;
	}
	if (!l.enabled) {
		rest_problem(call, 403, "disabled", NULL, "the account is disabled");
		return;
	}
	if (seq != s.seq && !(seq == s.seq - 1 && now - s.turned_at <= TURN_GRACE_S)) {
		stolen(call, &s);
		return;
	}
	if (seq == s.seq) {
		s.seq++;
		s.turned_at = now;
		s.expires_at = now + (int64_t)rest_state.conf.refresh_s;
	}
	give_pair(call, s.username, &s, NULL);
}

void
rest_do_refresh(struct rest_call *call)
{
	const char *token = wanted(call, "refresh_token", REST_TOKEN_MAX);
	struct rest_json *claims;

	if (token == NULL)
		return;
	claims = rest_jwt_open(token, rest_state.jwt_key);
	if (claims == NULL) {
		rest_problem(call, 401, "bad_token", "log in again: dfsctl login",
		    "the token is not one of this server's");
		return;
	}
	turn(call, claims);
	rest_json_free(claims);
}

void
rest_do_logout(struct rest_call *call)
{
	enum status st = db_session_revoke(call->conn, call->who.session);

	if (st == OK)
		rest_no_content(call);
	else
		rest_status(call, st, "the session", "");
}

void
rest_do_me(struct rest_call *call)
{
	struct db_row row;
	enum status st = db_get(call->conn, DB_USER, NULL, call->who.username, &call->arena, &row);

	if (st != OK)
		rest_status(call, st, "user", call->who.username);
	else
		rest_json_reply(call, 200, rest_row_json(call, DB_USER, &row));
}

void
rest_do_own_password(struct rest_call *call)
{
	const char *old = wanted(call, "current_password", PASSWORD_SENT_MAX), *new;
	struct db_session s = { .id = "" };
	struct db_login login;

	if (old == NULL || (new = wanted(call, "new_password", PASSWORD_SENT_MAX)) == NULL ||
	    !rest_password_ok(call, "new_password", new) || limited(call, call->who.username))
		return;
	if (strcmp(old, new) == 0) {
		rest_invalid_field(call, "new_password", "must be another than the current one");
		return;
	}
	if (!proven(call, call->who.username, old, &login) || !rest_password_hash(call, new))
		return;
	rest_limit_passed(call->who.username, call->rq->peer);
	give_pair(call, call->who.username, &s, call->hash);
}
