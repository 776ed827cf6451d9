/*
 * Shares as they serve: opening and closing them while rows change, and why one does not serve.
 */
#ifndef MGMT_REST_LIVE_H
#define MGMT_REST_LIVE_H

#include "mgmt/rest/entity.h"

/* Open a share's row; why: a sentence on failure, which is also kept for its status. */
must_check enum status rest_live_open(struct db_conn *c, struct arena *arena,
    const struct db_row *share, char *why, size_t why_cap);

/* What its row, and the stores that it names, say of a share; spec is filled where it has a remote
 * store.  why: a sentence, or "". */
struct share_conf;
struct store_spec;
must_check enum status rest_live_conf(struct db_conn *c, struct arena *arena,
    const struct db_row *share, struct share_conf *conf, struct store_spec *spec, char *why,
    size_t why_cap);
must_check enum status rest_live_close(const char *name);

/* The share as it is now. */
void rest_live_look(const struct db_row *share, struct rest_share_state *s);

/* {status, message, checked_at, latency_ms}, of a share that was seen like that just now */
struct rest_json *rest_live_status(const struct db_row *share, const struct rest_share_state *s);

/*
 * Who may do what on shares that serve, and how they do it, follows the rows within the transaction
 * that changes them: one share's rules, those of all that name a netgroup, all of them.  What was
 * in force before comes back where the change is not kept.  False: the problem is said.
 */
bool rest_live_rules(struct rest_call *call, const char *share);
bool rest_live_netgroup(struct rest_call *call, const char *netgroup);
bool rest_live_rules_all(struct rest_call *call);
void rest_live_settle(struct rest_call *call, bool kept);

/* Does any share's rules name it? */
enum status rest_live_netgroup_used(struct rest_call *call, const char *netgroup, bool *used);

/* Rows for the file's shares, then all that the database says: open.  How many are. */
must_check enum status rest_live_boot(uint32_t *nopen);

/* Every adapter as its row says; or its row as it listens already. */
must_check enum status rest_adapters_note(void);
must_check enum status rest_adapters_boot(void);

/* Live settings, and those of adapters, as they are kept. */
must_check enum status rest_tuning_boot(void);
must_check enum status rest_settings_boot(void);

#endif
