/*
 * The procedures of the portmapper, as portmap.def names them.
 */
#ifndef GATEWAY_PORTMAP_INNER_H
#define GATEWAY_PORTMAP_INNER_H

#include "gateway/portmap/portmap.h"
#include "gateway/rpc/xdr.h"

#define PORTMAP_PROC(name) \
	enum decoded portmap_##name##_decode(struct job *job, struct rpc_call *call, struct reader *r); \
	void portmap_##name##_encode(struct job *job, struct rpc_call *call, struct writer *w)

PORTMAP_PROC(null);
PORTMAP_PROC(refuse);
PORTMAP_PROC(getport);
PORTMAP_PROC(dump);
PORTMAP_PROC(getaddr);
PORTMAP_PROC(getversaddr);
PORTMAP_PROC(list);
PORTMAP_PROC(gettime);

#endif
