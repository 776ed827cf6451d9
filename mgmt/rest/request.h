/*
 * One request on its way through this room: what came, who asks, what goes back.
 */
#ifndef MGMT_REST_REQUEST_H
#define MGMT_REST_REQUEST_H

#include "mgmt/db/db.h"
#include "mgmt/rest/json.h"
#include "mgmt/rest/rest.h"

enum { REST_ARGS_MAX = 3, REST_ARG_MAX = 264, REST_BODY_MAX = 1 << 20, REST_PAGE_MAX = 500 };

struct rest_request {			/* borrowed for the call */
	const char *method, *path;	/* path: as it came, escapes and all, without the query */
	const char *query;		/* after the '?'; "" */
	const char *peer;		/* an address */
	const char *authorization, *if_match, *request_id;	/* headers; NULL: none */
	const char *body;
	size_t body_len;
	bool body_too_long;
};

struct rest_reply {
	int code;
	char *body;			/* malloced, NULL: none */
	size_t len;
	const char *type;		/* content type */
	char etag[32], location[400], link[700], allow[48], request_id[DB_ID_TEXT];
	unsigned retry_after_s;
	const char *policy;		/* content security policy; NULL: of data */
	bool may_cache;
};

struct rest_route;

struct rest_who {
	char username[40], role[16], session[DB_ID_TEXT], id[DB_ID_TEXT];
	bool must_change;
};

/* Ids of stores that a list has asked for already: most shares name the same few. */
struct rest_memo {
	int entity;
	const char *name;		/* NULL: empty */
	char id[DB_ID_TEXT];
};
enum { REST_MEMOS = 8 };

struct rest_call {
	const struct rest_request *rq;
	struct rest_reply *re;
	const struct rest_route *route;
	char arg[REST_ARGS_MAX][REST_ARG_MAX];	/* what stood for {} in the path */
	struct rest_json *body;		/* an object; NULL where the route takes none */
	char hash[128];			/* of the password in the body, where the route says so */
	struct arena arena;
	struct db_conn *conn;		/* begun as the route says */
	uint64_t generation;		/* db.h's, of before conn was begun */
	struct rest_who who;
	struct rest_memo memo[REST_MEMOS];
	struct rest_undo *undo;		/* live.h: rules that were in force before this call */
};

/* Answer any request; never fails: what went wrong is in the reply.  Any thread. */
void rest_answer(const struct rest_request *rq, struct rest_reply *re);
void rest_reply_free(struct rest_reply *re);

/* --- what handlers say --- */

/* A problem (RFC 9457): code words it for programs, detail for people. */
__attribute__((format(printf, 5, 6)))
void rest_problem(struct rest_call *call, int http, const char *code, const char *hint,
    const char *detail, ...);
/* The problem that a status is, about that thing. */
void rest_status(struct rest_call *call, enum status st, const char *noun, const char *name);
/* 422, with what is wrong by field; errors is taken. */
void rest_invalid(struct rest_call *call, struct rest_json *errors);

void rest_json_reply(struct rest_call *call, int http, struct rest_json *j);	/* taken */
void rest_text_reply(struct rest_call *call, int http, char *json, size_t len);	/* taken */
void rest_no_content(struct rest_call *call);
void rest_etag(struct rest_call *call, int64_t version);

/* If-Match's version; 0: none was given; −1: no version of ours. */
int64_t rest_if_match(const struct rest_call *call);

/* A parameter of the query, decoded, in the call's arena; NULL: none. */
const char *rest_query(struct rest_call *call, const char *name);

/* Decode %XX into to; false: it does not fit, is no hex, or makes NUL. */
bool rest_unescape(const char *s, size_t len, char *to, size_t cap);

/* What rest_start was given, and what it made. */
struct rest_state {
	struct rest_conf conf;
	struct db *db;
	char jwt_key[256];
	uint64_t started_wall_s;
	char *openapi;
};
extern struct rest_state rest_state;

#endif
