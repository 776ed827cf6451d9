/*
 * Who is asking, for one share: after squash and mapping.  Counted; cached by auth.
 */
#ifndef MODEL_CRED_H
#define MODEL_CRED_H

#include "pipeline/base/ref.h"

#include <stdbool.h>
#include <stdint.h>

enum { CRED_GIDS_MAX = 1024 };

enum cred_flavour { CRED_NONE, CRED_SYS, CRED_KRB5, CRED_KRB5I, CRED_KRB5P, CRED_NTLM };

struct cred {
	struct ref refs;
	uint32_t uid, gid;
	uint8_t flavour;		/* enum cred_flavour */
	bool superuser;			/* uid 0 and not squashed: passes permission checks */
	bool read_only;			/* the share's grant says so for this host or user */
	bool barred;			/* no level on the share: no more than a mount needs */
	uint16_t ngids;
	uint32_t gids[];		/* sorted */
};

/* A cred with room for that many groups and one reference; the fields are the maker's. */
struct cred *cred_new(uint32_t ngids);
const struct cred *cred_ref(const struct cred *c);
void cred_put(const struct cred **cp);

/* Is gid the primary or a supplementary group? */
bool cred_in_group(const struct cred *c, uint32_t gid);

/* Where a message came from; lives as long as its connection. */
struct whence {
	uint64_t conn;			/* the connection's number: unique in this process */
	uint8_t addr[16];		/* IPv6, IPv4 mapped */
	uint16_t port;			/* host order */
};

/* What a message claims, before auth; lies in the job's arena. */
struct claim {
	uint8_t flavour;		/* enum cred_flavour */
	uint32_t uid, gid;
	uint16_t ngids;
	const uint32_t *gids;
	uint64_t hash;			/* of all the above, for the cache */
};

#endif
