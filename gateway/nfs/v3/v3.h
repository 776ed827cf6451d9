/*
 * NFS version 3 over the vocabulary.  RFC 1813.
 */
#ifndef GATEWAY_NFS_V3_V3_H
#define GATEWAY_NFS_V3_V3_H

#include "gateway/rpc/program.h"

extern const struct rpc_program v3_program;

/* A NOTE of this protocol, found at recovery: its call is known as one that has run. */
void v3_remember(struct rpc_drc *drc, uint64_t share, const struct note *note);

#endif
