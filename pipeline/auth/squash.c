/*
 * From a claim to a cred: who is squashed becomes the share's anonymous user with no other
 * groups; where root is squashed, group 0 is as well, wherever it stands.  The level that users'
 * and groups' grants give is in the cred, too.
 */
#include "pipeline/auth/inner.h"

#include <stdlib.h>

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint16_t
sort_unique(uint32_t *v, uint16_t n)
{
	uint16_t kept = 0;

	qsort(v, n, sizeof *v, by_number);
	for (uint16_t i = 0; i < n; i++)
		if (kept == 0 || v[kept - 1] != v[i])
			v[kept++] = v[i];
	return kept;
}

static struct cred *
anonymous(const struct share_rules *rules, bool admin)
{
	struct cred *c = cred_new(0);

	c->uid = admin ? 0 : rules->anon_uid;
	c->gid = admin ? 0 : rules->anon_gid;
	c->superuser = admin;
	return c;
}

static struct cred *
as_claimed(const struct share_rules *rules, const struct claim *claim, bool no_root)
{
	uint16_t n = (uint16_t)MIN(claim->ngids, CRED_GIDS_MAX);
	struct cred *c = cred_new(n);

	c->uid = claim->uid;
	c->gid = no_root && claim->gid == 0 ? rules->anon_gid : claim->gid;
	for (uint16_t i = 0; i < n; i++)
		c->gids[i] = no_root && claim->gids[i] == 0 ? rules->anon_gid : claim->gids[i];
	c->ngids = sort_unique(c->gids, n);
	c->superuser = c->uid == 0 && !no_root;
	return c;
}

/* Root where it is trusted may do all; where it is not, and who shows no identity, is one of the
 * others; the rest are judged by who they claim to be, whatever their files are written as. */
static enum share_level
level_of(const struct share_rules *rules, const struct claim *claim, bool trusted)
{
	if (!rules->gated || (trusted && claim->uid == 0))
		return LEVEL_ADMIN;
	if (claim->flavour == CRED_NONE || claim->uid == 0)
		return (enum share_level)rules->level;
	return rules_level(rules, claim->uid, claim->gid, claim->gids, claim->ngids);
}

/* A uid of the wire that an operator has mapped is that user, with the user's groups: the gids
 * beside it are of the same foreign numbering, and mean nothing here. */
static struct claim
mapped(const struct share_rules *rules, const struct claim *claim)
{
	const struct rules_map *m = claim->flavour == CRED_NONE ? NULL :
	    rules_mapped(rules, claim->uid);
	struct claim c = *claim;

	if (m != NULL) {
		c.uid = m->uid;
		c.gid = m->gid;
		c.gids = m->gids;
		c.ngids = m->ngids;
	}
	return c;
}

struct cred *
squash_cred(const struct share_rules *rules, const struct export_rule *rule,
    const struct claim *said)
{
	struct claim claim = mapped(rules, said);
	bool root = claim.uid == 0, none = claim.flavour == CRED_NONE, all = none, admin = false;
	enum share_level level;
	struct cred *c;

	switch ((enum squash)rule->squash) {
	case SQUASH_NONE:
		root = false;
		break;
	case SQUASH_ROOT:
		break;
	case SQUASH_ALL:
		all = true;
		break;
	case SQUASH_ADMIN:
		all = true;
		admin = !none;
		break;
	}
	c = all || root ? anonymous(rules, admin) :
	    as_claimed(rules, &claim, rule->squash != SQUASH_NONE);
	level = level_of(rules, &claim, !none && (admin || rule->squash == SQUASH_NONE));
	c->flavour = claim.flavour;
	c->read_only = rule->read_only || rules->read_only || level < LEVEL_WRITE;
	c->barred = level == LEVEL_NONE;
	return c;
}

const struct cred *
auth_judge(const struct share_rules *rules, const struct export_rule *rule,
    const struct claim *claim)
{
	return squash_cred(rules, rule, claim);
}
