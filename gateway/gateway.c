/*
 * Which protocols there are, on which ports.  One RPC service answers for NFS and MOUNT,
 * told apart by program number; the portmapper is another, and over UDP a third, without
 * record marks.
 */
#include "gateway/gateway.h"

#include "gateway/nfs/mount/list.h"
#include "gateway/nfs/mount/mount.h"
#include "gateway/nfs/v3/types.h"
#include "gateway/nfs/v3/v3.h"
#include "gateway/portmap/portmap.h"
#include "gateway/portmap/registry.h"
#include "gateway/rpc/dispatch.h"
#include "gateway/rpc/record.h"

#include "pipeline/base/log.h"
#include "pipeline/net/net.h"

enum {
	REPLY_HEAD_MAX = 128,		/* record mark, head, status */
	PORTMAP_MESSAGE_MAX = 4096,
	PORTMAP_REPLY_MAX = 8192,
};

static const struct rpc_program *const nfs_programs[] = { &v3_program, &mount_program };
static const struct rpc_program *const portmap_programs[] = { &portmap_program };

static struct gateway_settings settings;
static uint16_t nfs_port;
static void remember(uint64_t share, const struct note *note);

/* Changed before the first message can come, by gateway_make alone: drc. */
static struct rpc_service nfs_service = {
	.protocol = {
		.name = "nfs",
		.message_max = RPC_MESSAGE_MAX,
		.reply_max = V3_DIR_BYTES_MAX + REPLY_HEAD_MAX,
		.frame = rpc_record_frame,
		.join = rpc_record_join,
		.decode = rpc_dispatch_decode,
		.encode = rpc_dispatch_encode,
		.finish = rpc_dispatch_finish,
		.remember = remember,
	},
	.nprograms = ARRAY_LEN(nfs_programs),
	.programs = nfs_programs,
};

static const struct rpc_service portmap_service = {
	.protocol = {
		.name = "portmap",
		.message_max = PORTMAP_MESSAGE_MAX,
		.reply_max = PORTMAP_REPLY_MAX,
		.frame = rpc_record_frame,
		.join = rpc_record_join,
		.decode = rpc_dispatch_decode,
		.encode = rpc_dispatch_encode,
	},
	.nprograms = ARRAY_LEN(portmap_programs),
	.programs = portmap_programs,
};

static const struct rpc_service portmap_udp_service = {
	.protocol = {
		.name = "portmap.udp",
		.message_max = PORTMAP_MESSAGE_MAX,
		.reply_max = PORTMAP_REPLY_MAX,
		.decode = rpc_dispatch_decode,
		.encode = rpc_dispatch_encode,
	},
	.datagram = true,
	.nprograms = ARRAY_LEN(portmap_programs),
	.programs = portmap_programs,
};

static void
remember(uint64_t share, const struct note *note)
{
	struct rpc_drc *drc = nfs_service.drc[RPC_ONCE];

	if (note->protocol == NOTE_NFS3 && drc != NULL)
		v3_remember(drc, share, note);
}

void
gateway_remember(uint64_t share, const struct note *note)
{
	remember(share, note);
}

void
gateway_make(const struct gateway_settings *conf)
{
	settings = *conf;
	nfs_service.drc[RPC_ONCE] = rpc_drc_new((uint32_t)conf->drc_entries,
	    conf->drc_bytes, conf->drc_keep_ns);
	nfs_service.drc[RPC_ONCE_BYTES] = rpc_drc_new((uint32_t)conf->drc_writes,
	    conf->drc_bytes, conf->drc_keep_ns);
	mount_list_start((uint32_t)conf->mounts_max);
	portmap_registry_clear();
}

static void
told(enum status st, const char *what, const char *addr, uint16_t port)
{
	if (st != OK)
		log_warn("gateway.no_listen", F_STR("protocol", what),
		    F_STR("addr", addr), F_U64("port", port),
		    F_STR("why", status_text(st)));
	else
		log_info("gateway.listen", F_STR("protocol", what), F_STR("addr", addr),
		    F_U64("port", port));
}

/* One program service on one address; true where it listens. */
static bool
nfs_listen(const char *addr, enum portmap_netid netid, enum status *why)
{
	uint16_t port = nfs_port != 0 ? nfs_port : (uint16_t)settings.nfs_port;
	enum status st;

	if (addr[0] == '\0')
		return false;
	st = net_listen(addr, port, &nfs_service.protocol, &port);
	told(st, "nfs", addr, port);
	if (st != OK) {
		*why = st;
		return false;
	}
	nfs_port = port;
	portmap_registry_add(V3_PROGRAM, V3_VERSION, netid, port);
	portmap_registry_add(MOUNT_PROGRAM, MOUNT_VERSION, netid, port);
	return true;
}

static void
portmap_listen(const char *addr, bool v6)
{
	uint16_t port = (uint16_t)settings.portmap_port;
	enum portmap_netid tcp = v6 ? PORTMAP_TCP6 : PORTMAP_TCP;
	enum portmap_netid udp = v6 ? PORTMAP_UDP6 : PORTMAP_UDP;

	if (addr[0] == '\0')
		return;
	for (uint32_t vers = 2; vers <= 4; vers++) {
		portmap_registry_add(PORTMAP_PROGRAM, vers, tcp, port);
		portmap_registry_add(PORTMAP_PROGRAM, vers, udp, port);
	}
	told(net_listen(addr, port, &portmap_service.protocol, &port), "portmap", addr,
	    (uint16_t)settings.portmap_port);
	told(net_listen_udp(addr, port, &portmap_udp_service.protocol, &port),
	    "portmap.udp", addr, (uint16_t)settings.portmap_port);
}

enum status
gateway_start(void)
{
	enum status why = ST_INVAL;
	bool v4, v6;

	if (!settings.nfs_enabled)
		return OK;
	v4 = nfs_listen(settings.nfs_bind, PORTMAP_TCP, &why);
	v6 = nfs_listen(settings.nfs_bind6, PORTMAP_TCP6, &why);
	if (!v4 && !v6)
		return why;
	if (settings.portmap_enabled) {
		portmap_listen(v4 ? settings.nfs_bind : "", false);
		portmap_listen(v6 ? settings.nfs_bind6 : "", true);
	}
	return OK;
}

enum status
gateway_listen_again(bool on, uint16_t port)
{
	net_stop_listening();
	portmap_registry_clear();
	nfs_port = 0;
	settings.nfs_enabled = on;
	settings.nfs_port = port;
	return gateway_start();
}

enum status
gateway_portmap_again(bool on, uint16_t port)
{
	bool listens = nfs_port != 0;
	uint16_t nfs = nfs_port;

	settings.portmap_enabled = on;
	settings.portmap_port = port;
	return listens ? gateway_listen_again(true, nfs) : OK;
}

void
gateway_stop(void)
{
	for (uint32_t i = 0; i < RPC_ONCE_COUNT; i++)
		rpc_drc_free(&nfs_service.drc[i]);
	mount_list_stop();
	portmap_registry_clear();
	nfs_port = 0;
}

uint16_t
gateway_nfs_port(void)
{
	return nfs_port;
}
