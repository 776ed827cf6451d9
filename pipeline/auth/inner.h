/*
 * What auth's files share.  For this folder only.
 */
#ifndef AUTH_INNER_H
#define AUTH_INNER_H

#include "pipeline/auth/auth.h"
#include "pipeline/share/share.h"

/*
 * The number of the rule that covers that peer.  ACCES: none does, or only by an unprivileged
 * port.  DELAY: a name service must be asked, and may_wait is false.
 */
must_check enum status grant_find(const struct share_rules *rules, const uint8_t addr[16],
    uint16_t port, bool may_wait, uint32_t *rule);

/* OK and *covers; DELAY as above. */
must_check enum status netgroup_ask(const char *hosts, const uint8_t addr[16], bool may_wait,
    bool *covers);
void netgroup_start(void);
void netgroup_stop(void);

/* A fresh cred for that claim under that one of the rules; the caller's reference. */
struct cred *squash_cred(const struct share_rules *rules, const struct export_rule *rule,
    const struct claim *claim);

bool claim_eq(const struct claim *a, const struct claim *b);

/* The shared cache: a cred with a reference for the caller, found or made.  generation: read
 * before the rules were, so that what is kept under it is never older than it says. */
const struct cred *cred_cache_get(uint64_t share, uint64_t generation,
    const struct share_rules *rules, uint32_t rule, const struct claim *claim);
void cred_cache_start(uint32_t most);
void cred_cache_stop(void);
uint32_t cred_cache_count(void);
uint64_t cred_cache_generation(void);	/* moves with auth_forget */

#endif
