/*
 * The flavours of RFC 5531 that need no key: none, and the ids of a Unix process.
 * Whether they are believed is the export's business, not ours; here only their form is
 * judged.
 */
#include "gateway/rpc/cred.h"

#include "pipeline/base/hash.h"

static uint64_t
claim_hash(const struct claim *c)
{
	uint64_t h = hash_u64((uint64_t)c->flavour << 32 | c->ngids);
	uint32_t i = 0;

	h = hash_u64(h ^ ((uint64_t)c->uid << 32 | c->gid));
	for (; i + 1 < c->ngids; i += 2)
		h = hash_u64(h ^ ((uint64_t)c->gids[i] << 32 | c->gids[i + 1]));
	return i < c->ngids ? hash_u64(h ^ c->gids[i]) : h;
}

enum rpc_auth_stat
rpc_cred_sys(struct slice body, struct arena *arena, struct claim *claim)
{
	struct reader r = reader_of_slice(body);
	uint32_t n, *gids = NULL;
	const uint8_t *p;

	*claim = (struct claim){ .flavour = CRED_SYS };
	reader_skip(&r, 4);				/* stamp: chance, of no use to us */
	(void)xdr_opaque(&r, RPC_MACHINE_MAX);
	claim->uid = xdr_u32(&r);
	claim->gid = xdr_u32(&r);
	n = xdr_enum(&r, RPC_GIDS_MAX);
	p = reader_take(&r, (size_t)n * 4);
	if (!reader_ok(&r))
		return RPC_AUTH_BADCRED;
	if (n > 0 && (gids = arena_alloc(arena, n * sizeof *gids)) == NULL)
		return RPC_AUTH_BADCRED;
	for (uint32_t i = 0; i < n; i++)
		gids[i] = get_be32(p + (size_t)i * 4);
	claim->gids = gids;
	claim->ngids = (uint16_t)n;
	claim->hash = claim_hash(claim);
	return RPC_AUTH_OK;
}

enum rpc_auth_stat
rpc_cred_claim(const struct rpc_head *head, struct arena *arena, struct claim *claim)
{
	if (__builtin_expect(head->verf_flavour != RPC_AUTH_NONE || head->verf.len != 0, 0))
		return RPC_AUTH_BADVERF;
	if (__builtin_expect(head->cred_flavour == RPC_AUTH_SYS, 1))
		return rpc_cred_sys(head->cred, arena, claim);
	if (head->cred_flavour == RPC_AUTH_NONE) {
		*claim = (struct claim){ CRED_NONE, RPC_NOBODY, RPC_NOBODY, 0, NULL, 0 };
		claim->hash = claim_hash(claim);
		return RPC_AUTH_OK;
	}
	return RPC_AUTH_REJECTEDCRED;
}
