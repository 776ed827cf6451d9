/*
 * From a message to a row of a program, and back: the two halves of `struct protocol`
 * that all RPC services share.
 */
#ifndef GATEWAY_RPC_DISPATCH_H
#define GATEWAY_RPC_DISPATCH_H

#include "gateway/rpc/program.h"

/* For the member `protocol` of a struct rpc_service. */
enum decoded rpc_dispatch_decode(struct job *job);
enum encoded rpc_dispatch_encode(struct job *job, struct writer *w);
void rpc_dispatch_finish(struct job *job);

#endif
