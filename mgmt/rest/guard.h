/*
 * Tokens and log-in limits.
 */
#ifndef MGMT_REST_GUARD_H
#define MGMT_REST_GUARD_H

#include "mgmt/rest/request.h"
#include "mgmt/rest/route.h"

/* A new pair of tokens in a session: that of s, or a new one where its id is "".  Needs a writer.
 * NULL: the problem is said. */
struct rest_json *rest_tokens(struct rest_call *call, struct db_conn *c, const char *username,
    struct db_session *s);

/* May this address try that user's password now?  0: yes; else the seconds to wait. */
unsigned rest_limit_ask(const char *username, const char *peer);
void rest_limit_failed(const char *username, const char *peer);
void rest_limit_passed(const char *username, const char *peer);
void rest_limit_start(void);

/* Tokens that were opened lately: whom the database found behind that one at that generation, which
 * was asked for before it was read (db.h); in force until then, in wall seconds. */
void rest_known_start(void);
bool rest_known_find(const char *token, uint64_t generation, int64_t now_s, struct rest_who *who);
void rest_known_keep(const char *token, uint64_t generation, int64_t until_s,
    const struct rest_who *who);

/* Passwords: mgmt/rest/route.c.  False: the problem is said. */
bool rest_password_ok(struct rest_call *call, const char *field, const char *password);
bool rest_password_hash(struct rest_call *call, const char *password);

#endif
