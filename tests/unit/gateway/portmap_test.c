/*
 * The portmapper: what is registered is found, over datagrams too; nothing is registered
 * from outside.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/gateway.h"
#include "gateway/nfs/mount/mount.h"
#include "gateway/nfs/v3/types.h"
#include "gateway/portmap/portmap.h"
#include "gateway/portmap/registry.h"

#include "tests/lib/check.h"

static const struct rpc_program *const programs[] = { &portmap_program };

static enum decoded
ask(struct fake *f, struct rpc_service *service, const uint8_t *m, uint32_t len)
{
	fake_finish(f);
	f->job.protocol = &service->protocol;
	f->job.message = slice_of(m, len);
	f->job.conn = &f->conn;
	return f->job.protocol->decode(&f->job);
}

static struct rpc_service
service_of(bool datagram)
{
	struct rpc_service s = fake_service;

	s.programs = programs;
	s.nprograms = 1;
	s.datagram = datagram;
	return s;
}

static void
start(void)
{
	struct gateway_settings conf;

	gateway_settings_default(&conf);
	conf.portmap_enabled = true;
	gateway_make(&conf);
	EQ(gateway_start(), OK);
}

static struct reader
getport(struct fake *f, struct rpc_service *s, uint32_t prog, uint32_t vers, uint32_t prot)
{
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);
	struct reader r;

	fake_head(&w, 1, PORTMAP_PROGRAM, 2, 3);
	xdr_put_u32(&w, prog);
	xdr_put_u32(&w, vers);
	xdr_put_u32(&w, prot);
	xdr_put_u32(&w, 0);
	EQ(ask(f, s, m, w.len), DECODED_REPLY);
	r = fake_encode(f);
	if (s->datagram) {
		r = reader_of(f->out, f->w.len);
		reader_skip(&r, 24);
	}
	return r;
}

CASE(ports_are_found_by_program_and_protocol)
{
	for (int datagram = 0; datagram < 2; datagram++) {
		struct rpc_service s = service_of(datagram);
		struct fake *f = fake_new();
		struct reader r;

		start();
		r = getport(f, &s, V3_PROGRAM, 3, 6);
		EQ(xdr_u32(&r), 12049);
		EQ(reader_left(&r), 0);
		r = getport(f, &s, V3_PROGRAM, 2, 6);		/* another version: the server says */
		EQ(xdr_u32(&r), 12049);
		r = getport(f, &s, MOUNT_PROGRAM, 3, 6);
		EQ(xdr_u32(&r), 12049);
		r = getport(f, &s, V3_PROGRAM, 3, 17);
		EQ(xdr_u32(&r), 0);
		r = getport(f, &s, PORTMAP_PROGRAM, 2, 17);
		EQ(xdr_u32(&r), 10111);
		r = getport(f, &s, 5, 3, 6);
		EQ(xdr_u32(&r), 0);
		fake_free(&f);
		gateway_stop();
	}
}

static void
getaddr(struct fake *f, uint32_t vers, uint32_t proc, const char *netid, const char *want)
{
	struct rpc_service s = service_of(false);
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);
	struct reader r;

	fake_head(&w, 1, PORTMAP_PROGRAM, vers, proc);
	xdr_put_u32(&w, V3_PROGRAM);
	xdr_put_u32(&w, 4);
	xdr_put_str(&w, netid);
	xdr_put_str(&w, "");
	xdr_put_str(&w, "");
	EQ(ask(f, &s, m, w.len), DECODED_REPLY);
	r = fake_encode(f);
	TRUE(slice_eq(xdr_opaque(&r, 64), slice_str(want)));
	EQ(reader_left(&r), 0);
}

CASE(addresses_are_universal_and_of_the_asked_transport)
{
	struct fake *f = fake_new();

	start();
	getaddr(f, 3, 3, "tcp", "0.0.0.0.47.17");
	getaddr(f, 4, 3, "tcp", "0.0.0.0.47.17");
	getaddr(f, 4, 9, "tcp", "");			/* GETVERSADDR: that version or none */
	getaddr(f, 4, 3, "tcp6", "");			/* this host has no IPv6 */
	getaddr(f, 4, 3, "udp", "");
	getaddr(f, 4, 3, "nonsense", "");
	fake_free(&f);
	gateway_stop();
}

static uint32_t
simple(struct fake *f, uint32_t vers, uint32_t proc, struct reader *r)
{
	static struct rpc_service s;
	uint8_t m[512];
	struct writer w = writer_of(m, sizeof m);

	s = service_of(false);
	fake_head(&w, 1, PORTMAP_PROGRAM, vers, proc);
	EQ(ask(f, &s, m, w.len), DECODED_REPLY);
	*r = fake_encode(f);
	return get_be32(f->out + 24);
}

CASE(dumps_list_every_row_and_sets_are_refused)
{
	struct fake *f = fake_new();
	struct reader r;
	uint32_t n = 0;

	start();
	EQ(simple(f, 2, 4, &r), RPC_SUCCESS);
	for (; xdr_bool(&r); n++)
		reader_skip(&r, 16);
	EQ(n, 2 + 6);
	EQ(reader_left(&r), 0);
	EQ(simple(f, 4, 4, &r), RPC_SUCCESS);
	for (n = 0; xdr_bool(&r); n++) {
		reader_skip(&r, 8);
		for (int i = 0; i < 3; i++)
			(void)xdr_opaque(&r, 64);
	}
	EQ(n, 2 + 6);
	EQ(reader_ok(&r), true);
	EQ(reader_left(&r), 0);
	for (uint32_t vers = 2; vers <= 4; vers++)
		for (uint32_t proc = 1; proc <= 2; proc++) {
			EQ(simple(f, vers, proc, &r), RPC_SUCCESS);
			EQ(xdr_bool(&r), false);
		}
	fake_free(&f);
	gateway_stop();
}

CASE(forwarding_is_not_offered)
{
	struct fake *f = fake_new();
	struct reader r;

	start();
	EQ(simple(f, 2, 5, &r), RPC_PROC_UNAVAIL);
	EQ(simple(f, 3, 5, &r), RPC_PROC_UNAVAIL);
	EQ(simple(f, 4, 5, &r), RPC_PROC_UNAVAIL);
	EQ(simple(f, 3, 9, &r), RPC_PROC_UNAVAIL);
	EQ(simple(f, 5, 0, &r), RPC_PROG_MISMATCH);
	fake_free(&f);
	gateway_stop();
}
