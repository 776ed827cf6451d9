/*
 * Heads of calls and replies, and what calls claim about their makers.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/v3/types.h"
#include "gateway/rpc/cred.h"

#include "tests/lib/check.h"

CASE(a_call_is_read_up_to_its_arguments)
{
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);
	struct rpc_head head;
	struct reader r;

	fake_head(&w, 0xabcdef01, 1, 2, 3);
	xdr_put_u32(&w, 0x600d);
	r = reader_of(m, w.len);
	EQ(rpc_message_read(&r, &head), RPC_HEAD_OK);
	EQ(head.xid, 0xabcdef01);
	EQ(head.prog, 1);
	EQ(head.vers, 2);
	EQ(head.proc, 3);
	EQ(xdr_u32(&r), 0x600d);
}

CASE(a_head_cut_anywhere_is_never_a_call)
{
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);
	struct rpc_head head;

	fake_head(&w, 5, 1, 2, 3);
	for (uint32_t len = 0; len < w.len; len++) {
		struct reader r = reader_of(m, len);

		TRUE(rpc_message_read(&r, &head) != RPC_HEAD_OK);
	}
}

CASE(replies_and_other_versions_are_told_apart)
{
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);
	struct rpc_head head;
	struct reader r;

	fake_head(&w, 5, 1, 2, 3);
	put_be32(m + 4, 1);
	r = reader_of(m, w.len);
	EQ(rpc_message_read(&r, &head), RPC_HEAD_ALIEN);
	put_be32(m + 4, 0);
	put_be32(m + 8, 3);
	r = reader_of(m, w.len);
	EQ(rpc_message_read(&r, &head), RPC_HEAD_VERSION);
	EQ(head.xid, 5);
}

static void
sys_body(struct writer *w, uint32_t machine, uint32_t gids)
{
	xdr_put_u32(w, 1);
	xdr_put_u32(w, machine);
	write_zeroes(w, xdr_padded(machine));
	xdr_put_u32(w, 500);
	xdr_put_u32(w, 501);
	xdr_put_u32(w, gids);
	for (uint32_t i = 0; i < gids && i < 32; i++)
		xdr_put_u32(w, 1000 + i);
}

static enum rpc_auth_stat
claim_of(uint32_t machine, uint32_t gids, uint32_t cut, struct claim *claim, struct arena *arena)
{
	static uint8_t body[1024];
	struct writer w = writer_of(body, sizeof body);

	sys_body(&w, machine, gids);
	return rpc_cred_sys(slice_of(body, w.len - cut), arena, claim);
}

CASE(a_unix_claim_has_at_most_sixteen_groups_and_a_bounded_name)
{
	static _Alignas(16) uint8_t home[256];
	struct arena arena;
	struct claim c;

	arena_init(&arena, home, sizeof home, 0);
	EQ(claim_of(255, 16, 0, &c, &arena), RPC_AUTH_OK);
	EQ(c.flavour, CRED_SYS);
	EQ(c.uid, 500);
	EQ(c.gid, 501);
	EQ(c.ngids, 16);
	EQ(c.gids[0], 1000);
	EQ(c.gids[15], 1015);
	EQ(claim_of(255, 17, 0, &c, &arena), RPC_AUTH_BADCRED);
	EQ(claim_of(256, 1, 0, &c, &arena), RPC_AUTH_BADCRED);
	EQ(claim_of(3, 4, 1, &c, &arena), RPC_AUTH_BADCRED);
	EQ(claim_of(3, 0xffffffff, 0, &c, &arena), RPC_AUTH_BADCRED);
}

CASE(a_claims_hash_follows_all_that_is_claimed)
{
	static _Alignas(16) uint8_t home[512];
	struct arena arena;
	struct claim a, b, c;

	arena_init(&arena, home, sizeof home, 0);
	EQ(claim_of(4, 3, 0, &a, &arena), RPC_AUTH_OK);
	EQ(claim_of(8, 3, 0, &b, &arena), RPC_AUTH_OK);
	EQ(claim_of(4, 4, 0, &c, &arena), RPC_AUTH_OK);
	TRUE(a.hash == b.hash);
	TRUE(a.hash != c.hash);
}

CASE(flavours_that_are_not_served_are_rejected)
{
	static _Alignas(16) uint8_t home[64];
	struct rpc_head head = { .cred_flavour = RPC_AUTH_GSS };
	struct arena arena;
	struct claim c;

	arena_init(&arena, home, sizeof home, 0);
	EQ(rpc_cred_claim(&head, &arena, &c), RPC_AUTH_REJECTEDCRED);
	head.cred_flavour = RPC_AUTH_NONE;
	EQ(rpc_cred_claim(&head, &arena, &c), RPC_AUTH_OK);
	EQ(c.flavour, CRED_NONE);
	EQ(c.uid, RPC_NOBODY);
	head.verf_flavour = RPC_AUTH_SYS;
	EQ(rpc_cred_claim(&head, &arena, &c), RPC_AUTH_BADVERF);
}

/* xid, REPLY, then the words that the RFC gives each refusal. */
static void
refusal(uint32_t at, uint32_t value, const uint32_t *words, uint32_t n)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 9, V3_NULL), out[16] = { 0 };

	put_be32(m + at, value);
	EQ(fake_decode(f, m, len), DECODED_REPLY);
	(void)fake_encode(f);
	EQ(f->w.len, 4 + 4 * n);
	EQ(get_be32(f->out), 0x80000000u | 4 * n);
	for (uint32_t i = 0; i < n; i++)
		out[i] = get_be32(f->out + 4 + 4 * i);
	fake_free(&f);
	for (uint32_t i = 0; i < n; i++)
		EQ(out[i], words[i]);
}

CASE(each_refusal_is_said_as_the_rfc_says_it)
{
	refusal(8, 3, (uint32_t[]){ 9, 1, 1, 0, 2, 2 }, 6);		/* RPC_MISMATCH */
	refusal(12, 4, (uint32_t[]){ 9, 1, 0, 0, 0, 1 }, 6);		/* PROG_UNAVAIL */
	refusal(16, 2, (uint32_t[]){ 9, 1, 0, 0, 0, 2, 3, 3 }, 8);	/* PROG_MISMATCH */
	refusal(20, 22, (uint32_t[]){ 9, 1, 0, 0, 0, 3 }, 6);		/* PROC_UNAVAIL */
	refusal(20, 0xffffffff, (uint32_t[]){ 9, 1, 0, 0, 0, 3 }, 6);
	refusal(20, 1, (uint32_t[]){ 9, 1, 0, 0, 0, 4 }, 6);		/* GARBAGE_ARGS: no handle */
	refusal(24, 6, (uint32_t[]){ 9, 1, 1, 1, 2 }, 5);		/* AUTH_REJECTEDCRED */
	refusal(28, 401, (uint32_t[]){ 9, 1, 1, 1, 1 }, 5);		/* AUTH_BADCRED */
}
