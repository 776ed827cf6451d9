/*
 * Versions 3 and 4: the same by universal address, "host.host.host.host.port.port".  The
 * host is given as the wildcard: a client asks the address at which it has reached us,
 * and keeps it.
 */
#include "gateway/portmap/inner.h"

#include "gateway/portmap/registry.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

enum { NETID_MAX = 32, ADDRESS_MAX = 128, ADDRESS_TEXT = 32 };

static void
put_address(struct writer *w, enum portmap_netid netid, uint16_t port)
{
	char address[ADDRESS_TEXT] = "";
	struct text t = text_of(address, sizeof address);
	bool v6 = netid == PORTMAP_TCP6 || netid == PORTMAP_UDP6;

	if (port != 0)
		text_addf(&t, "%s.%u.%u", v6 ? "::" : "0.0.0.0", port >> 8, port & 0xff);
	xdr_put_str(w, address);
}

/* Read a question; call->limit becomes port | netid << 16.  exact: that version or
 * none. */
static void
find_address(struct rpc_call *call, struct reader *r, bool exact)
{
	uint32_t prog = xdr_u32(r), vers = xdr_u32(r);
	struct slice netid = xdr_opaque(r, NETID_MAX);

	(void)xdr_opaque(r, ADDRESS_MAX);	/* where the asker is */
	(void)xdr_opaque(r, ADDRESS_MAX);	/* owner */
	call->limit = 0;
	for (uint32_t i = 0; reader_ok(r) && i < PORTMAP_NETIDS; i++) {
		enum portmap_netid id = (enum portmap_netid)i;

		if (!slice_eq(netid, slice_str(portmap_netid_names[i])) ||
		    (exact && !portmap_registry_has(prog, vers, id)))
			continue;
		call->limit = portmap_registry_port(prog, vers, id) | i << 16;
	}
}

enum decoded
portmap_getaddr_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job;
	find_address(call, r, false);
	return DECODED_REPLY;
}

void
portmap_getaddr_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job;
	put_address(w, (enum portmap_netid)(call->limit >> 16), (uint16_t)call->limit);
}

enum decoded
portmap_getversaddr_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job;
	find_address(call, r, true);
	return DECODED_REPLY;
}

void
portmap_getversaddr_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	portmap_getaddr_encode(job, call, w);
}

enum decoded
portmap_list_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
portmap_list_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct portmap_row *rows;
	uint32_t n = portmap_registry_rows(&rows);

	(void)job, (void)call;
	for (uint32_t i = 0; i < n; i++) {
		xdr_put_bool(w, true);
		xdr_put_u32(w, rows[i].prog);
		xdr_put_u32(w, rows[i].vers);
		xdr_put_str(w, portmap_netid_names[rows[i].netid]);
		put_address(w, rows[i].netid, rows[i].port);
		xdr_put_str(w, "superuser");
	}
	xdr_put_bool(w, false);
}

enum decoded
portmap_gettime_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
portmap_gettime_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call;
	xdr_put_u32(w, (uint32_t)(clock_wall_ns() / NS_PER_S));
}
