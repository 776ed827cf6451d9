/*
 * From a claim to a cred: who is squashed becomes the share's anonymous user with no other
 * groups; where root is squashed, group 0 is as well, wherever it stands.
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
anonymous(const struct share_conf *conf)
{
	struct cred *c = cred_new(0);

	c->uid = conf->anon_uid;
	c->gid = conf->anon_gid;
	return c;
}

static struct cred *
as_claimed(const struct share_conf *conf, const struct claim *claim, bool no_root)
{
	uint16_t n = (uint16_t)MIN(claim->ngids, CRED_GIDS_MAX);
	struct cred *c = cred_new(n);

	c->uid = claim->uid;
	c->gid = no_root && claim->gid == 0 ? conf->anon_gid : claim->gid;
	for (uint16_t i = 0; i < n; i++)
		c->gids[i] = no_root && claim->gids[i] == 0 ? conf->anon_gid : claim->gids[i];
	c->ngids = sort_unique(c->gids, n);
	c->superuser = c->uid == 0 && !no_root;
	return c;
}

struct cred *
squash_cred(const struct share_conf *conf, const struct export_rule *rule,
    const struct claim *claim)
{
	bool root = claim->uid == 0, all = claim->flavour == CRED_NONE;
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
	}
	c = all || root ? anonymous(conf) : as_claimed(conf, claim, rule->squash != SQUASH_NONE);
	c->flavour = claim->flavour;
	c->read_only = rule->read_only || conf->read_only;
	return c;
}
