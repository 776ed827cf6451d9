/*
 * Version 2: ports by program, version and protocol number, IPv4 alone; and the rows of
 * all versions.  Nobody registers anything from outside: SET and UNSET answer false.
 */
#include "gateway/portmap/inner.h"

#include "gateway/portmap/registry.h"

#include <netinet/in.h>

enum decoded
portmap_null_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
portmap_null_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call, (void)w;
}

enum decoded
portmap_refuse_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
portmap_refuse_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call;
	xdr_put_bool(w, false);
}

enum decoded
portmap_getport_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	uint32_t prog = xdr_u32(r), vers = xdr_u32(r), prot = xdr_u32(r);

	(void)job;
	reader_skip(r, 4);			/* port: of no meaning here */
	if (prot == IPPROTO_TCP)
		call->limit = portmap_registry_port(prog, vers, PORTMAP_TCP);
	else if (prot == IPPROTO_UDP)
		call->limit = portmap_registry_port(prog, vers, PORTMAP_UDP);
	return DECODED_REPLY;
}

void
portmap_getport_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job;
	xdr_put_u32(w, call->limit);		/* the port found; 0: none */
}

enum decoded
portmap_dump_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
portmap_dump_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct portmap_row *rows;
	uint32_t n = portmap_registry_rows(&rows);

	(void)job, (void)call;
	for (uint32_t i = 0; i < n; i++) {
		if (rows[i].netid != PORTMAP_TCP && rows[i].netid != PORTMAP_UDP)
			continue;
		xdr_put_bool(w, true);
		xdr_put_u32(w, rows[i].prog);
		xdr_put_u32(w, rows[i].vers);
		xdr_put_u32(w, rows[i].netid == PORTMAP_TCP ? IPPROTO_TCP : IPPROTO_UDP);
		xdr_put_u32(w, rows[i].port);
	}
	xdr_put_bool(w, false);
}

static const struct rpc_proc procs2[] = {
#define PORTMAP2(number, name) \
	[number] = { "portmap." #name, RPC_REPEATABLE, portmap_##name##_decode, \
		portmap_##name##_encode },
#include "gateway/portmap/portmap.def"
#undef PORTMAP2
};

static const struct rpc_proc procs3[] = {
#define RPCBIND(number, name, least) [number] = { "rpcbind3." #name, RPC_REPEATABLE, \
	(least) <= 3 ? portmap_##name##_decode : NULL, portmap_##name##_encode },
#include "gateway/portmap/portmap.def"
#undef RPCBIND
};

static const struct rpc_proc procs4[] = {
#define RPCBIND(number, name, least) \
	[number] = { "rpcbind4." #name, RPC_REPEATABLE, portmap_##name##_decode, \
		portmap_##name##_encode },
#include "gateway/portmap/portmap.def"
#undef RPCBIND
};

static const struct rpc_version versions[] = {
	{ 2, ARRAY_LEN(procs2), procs2 },
	{ 3, ARRAY_LEN(procs3), procs3 },
	{ 4, ARRAY_LEN(procs4), procs4 },
};

const struct rpc_program portmap_program = {
	"portmap", PORTMAP_PROGRAM, ARRAY_LEN(versions), versions,
};
