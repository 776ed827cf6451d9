/*
 * One set of handlers for all entities of mgmt/db/entity.def; what one of them needs beyond its
 * fields is a hook.
 */
#ifndef MGMT_REST_ENTITY_H
#define MGMT_REST_ENTITY_H

#include "mgmt/rest/route.h"

/* Each may be NULL.  False: the problem is said, nothing of the request is kept. */
struct rest_hooks {
	void (*show)(struct rest_call *call, const struct db_row *row, struct rest_json *out);
	void (*live)(const struct db_row *row, struct rest_json *out);	/* what no row says */
	bool (*creating)(struct rest_call *call, struct db_row *row);
	bool (*created)(struct rest_call *call, const struct db_row *row);
	bool (*updating)(struct rest_call *call, const struct db_row *old, struct db_row *change);
	bool (*updated)(struct rest_call *call, const struct db_row *old, const struct db_row *now);
	bool (*removing)(struct rest_call *call, const struct db_row *old);
	bool (*removed)(struct rest_call *call, const struct db_row *old);
	bool steady;	/* show adds only what rows say: a list of them may be kept */
	const char *const *extras;	/* members of the body that hooks read, NULL-terminated */
};

extern const struct rest_hooks rest_user_hooks, rest_group_hooks, rest_member_hooks,
    rest_share_hooks, rest_meta_store_hooks, rest_local_store_hooks, rest_remote_store_hooks,
    rest_adapter_hooks, rest_netgroup_hooks, rest_netgroup_member_hooks, rest_idmap_hooks,
    rest_no_hooks;

const struct rest_hooks *rest_hooks_of(enum db_entity e);

/* The row as JSON, hooks included; and without what no row says. */
struct rest_json *rest_row_json(struct rest_call *call, enum db_entity e, const struct db_row *row);
struct rest_json *rest_row_steady(struct rest_call *call, enum db_entity e,
    const struct db_row *row);

/* Answer a list as it was rendered before, where no row has changed since; false: it
 * is not kept. */
bool rest_list_known(struct rest_call *call);
void rest_lists_drop(void);		/* no request is on its way */

/* The row that the path names, by key or id; false: said that there is none. */
bool rest_row_find(struct rest_call *call, enum db_entity e, struct db_row *row);

/* The key of a row, for db_update and db_remove. */
const char *rest_row_key(enum db_entity e, const struct db_row *row);
const char *rest_row_scope(enum db_entity e, const struct db_row *row);

/* Answer with the row as it is now. */
void rest_row_reply(struct rest_call *call, enum db_entity e, const char *scope, const char *key,
    int http);

/* Give that user, group or SID a level; NOENT: there is no such share. */
must_check enum status rest_grant(struct rest_call *call, const char *share, const char *type,
    const char *name, const char *level);
bool rest_level_ok(const char *level);

/* A share's name from a part of a path: with its slash. */
void rest_share_arg(struct rest_call *call, int at);

/* Answer one error of one field. */
bool rest_invalid_field(struct rest_call *call, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
