/*
 * What a call says about its maker, as a claim that auth will judge.  RFC 5531 §8.2,
 * appendix A.
 */
#ifndef GATEWAY_RPC_CRED_H
#define GATEWAY_RPC_CRED_H

#include "gateway/rpc/message.h"

#include "pipeline/base/arena.h"
#include "pipeline/model/cred.h"

enum { RPC_GIDS_MAX = 16, RPC_MACHINE_MAX = 255, RPC_NOBODY = 65534 };

/* Fill the claim; RPC_AUTH_OK, or why the call is to be denied.  gids lie in the
 * arena. */
enum rpc_auth_stat rpc_cred_claim(const struct rpc_head *head, struct arena *arena,
    struct claim *claim);

/* AUTH_SYS alone: the body of the credential. */
enum rpc_auth_stat rpc_cred_sys(struct slice body, struct arena *arena, struct claim *claim);

#endif
