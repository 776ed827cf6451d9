/*
 * The control plane beside a house that only remembers what it was told.
 */
#ifndef TESTS_REST_SIDE_H
#define TESTS_REST_SIDE_H

#include "mgmt/rest/request.h"
#include "pipeline/share/share.h"

enum { SIDE_SHARES = 16, REST_TOKEN_ROOM = 4200 };

struct side {
	char open[SIDE_SHARES][256];	/* names of shares that serve */
	bool read_only[SIDE_SHARES];
	uint32_t nrules[SIDE_SHARES];
	struct share_rules *last;	/* given last, of any share */
	int swaps;			/* of rules while a share served */
	bool refuse_open;		/* the next open fails */
	bool nfs;
	uint16_t nfs_port, refuse_port;
	uint16_t port;			/* of REST */
	char remote[400];		/* "option=value;" of the last share opened with one */
	char tuned[300];		/* the last setting of an adapter */
	int tunes;
	struct share_tuning tuning[SIDE_SHARES];
	uint64_t used_bytes;		/* of every share */
};
extern struct side side;

#define SIDE_ADMIN_PASSWORD "first-password"

/* A fresh database and the server; password NULL: one is made up, and must be changed. */
struct rest_started side_start(const char *password);
void side_stop(void);
void side_restart(void);		/* the same database again */

struct answer {
	int code;
	struct rest_json *json;		/* NULL: none */
	struct rest_reply re;
};

/* Ask; the answer is valid until the next.  token NULL: none.  body NULL: none. */
struct answer *side_ask(const char *method, const char *path, const char *token, const char *body);
struct answer *side_ask_if(const char *method, const char *path, const char *token,
    const char *body, const char *if_match);

/* Ask where the code alone is wanted. */
static inline int
side_code(const char *method, const char *path, const char *token, const char *body)
{
	return side_ask(method, path, token, body)->code;
}

/* Log in; the access token, static until the 8th next call; refreshp: the other one. */
const char *side_login(const char *user, const char *password, const char **refreshp);

/* Make time pass, as the program sees it. */
void side_later(uint64_t seconds);

const char *side_str(const struct answer *a, const char *key);	/* "" unless a text */
int64_t side_int(const struct answer *a, const char *key);
bool side_shares(const char *name);
int side_at(const char *name);

#endif
