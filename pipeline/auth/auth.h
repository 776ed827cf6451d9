/*
 * The stage auth: who is asking, for this share.  From a claim (what the message says) and the
 * peer's address it makes a cred by the share's export rules: host, squash, read-only.  Creds are
 * cached by (share, rule, claim), found without a lock.
 *
 * ATTACH (a mount) is resolved here too: the share by its path, refused with ACCES where no rule
 * lets this host in, NOENT where there is no such share.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "pipeline/stage/stage.h"

extern const struct stage_ops auth_stage;

void auth_start(uint32_t creds_max);
void auth_stop(void);			/* after machine_stop */
void auth_forget(uint64_t share);	/* its rules have changed: ask them anew from now on */

/* Does a rule's host word cover that address (16 bytes, IPv4 mapped)?  "*", "a.b.c.d/n",
 * "a:b::/n", an address, "@netgroup" (by innetgr, cached). */
bool netgroup_covers(const char *hosts, const uint8_t addr[16]);

/*
 * Who that claim is under that one of the share's rules, and what it may do: the cred that a
 * request would get; the caller's reference.
 */
struct claim;
struct export_rule;
struct share_rules;
const struct cred *auth_judge(const struct share_rules *rules, const struct export_rule *rule,
    const struct claim *claim);

/* The first rule of the share that covers that peer; NULL: none, no access. */
const struct export_rule *grant_rule(const struct share_rules *rules, const uint8_t addr[16],
    uint16_t port);

#endif
