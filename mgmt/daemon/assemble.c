/*
 * Wiring.  The setting `memory` is divided here, by one table.  What is not in it takes the same
 * whatever the setting is, about 60 MiB at most: jobs, change sets, answers kept for who asks
 * again, code, threads.
 */
#include "mgmt/daemon/assemble.h"

#include "gateway/gateway.h"
#include "mgmt/daemon/plane.h"
#include "mgmt/daemon/tune.h"
#include "mgmt/metrics/metrics.h"
#include "mgmt/shares/down.h"
#include "mgmt/shares/keys.h"
#include "mgmt/shares/wire.h"
#include "pipeline/auth/auth.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/block/block.h"
#include "pipeline/cache/cache.h"
#include "pipeline/cache/page.h"
#include "pipeline/decode/decode.h"
#include "pipeline/net/net.h"
#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"
#include "pipeline/sync/sync.h"
#include "pipeline/vfs/vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Hundredths of `memory`.  tests/bench/million.sh looks whether they hold together. */
enum {
	PART_PAGES = 30,		/* decoded bytes */
	PART_INODES = 18,		/* decoded inodes and names */
	PART_NET = 26,			/* messages on their way in, replies on their way out */
	PART_META = 12,			/* the metadata stores' block caches and write buffers */
	PART_RECORDS = 10,		/* records that are not in the store yet */
	/* the rest: where data lies that is not carved yet, a container in the making */
};

/*
 * Where a piece of data lies takes about 160 bytes until it is carved.  With pieces of 4 KiB so
 * many are more than a log of the usual size holds; only tiny ones could take a third of `memory`.
 */
enum { PLACE_PART = 512 };

/* What is on its way from remote stores, beside the table: nothing where nobody reads cold data. */
enum { AIR_PART = 8 };

enum { FILES_KEPT = 2048 };	/* descriptors that are not connections */
enum { JOBS = 2048, TXNS = 8192, CREDS = 4096, CONN_JOBS = 256, CONN_BYTES = 16 << 20,
	IDLE_PARTIAL_S = 60, SEGMENT = 64 << 20, TICK_MS = 100,
	PLANE_SHARES = 8, APPLY_MS = 1000, CARVE_PERCENT = 50 };

/*
 * As many connections as were asked for, and as there are descriptors beside those that journals,
 * stores and containers must always get: a crowd of clients may cost newcomers their connection,
 * never a share its next segment.
 */
static uint32_t
conns_allowed(uint64_t asked)
{
	struct rlimit r;
	uint64_t most;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return (uint32_t)asked;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0 && getrlimit(RLIMIT_NOFILE, &r) != 0)
		return (uint32_t)asked;
	most = r.rlim_cur > 2 * FILES_KEPT ? r.rlim_cur - FILES_KEPT : r.rlim_cur / 2;
	if (asked <= most)
		return (uint32_t)asked;
	log_warn("net.connections", F_U64("asked", asked), F_U64("allowed", most),
	    F_U64("descriptors", r.rlim_cur));
	return (uint32_t)most;
}

/*
 * What messages may take: a half message's buffer for each connection comes off first, but never
 * more than half; of the rest net makes buffers for one and a half times its credits.
 */
static uint64_t
net_credits(uint64_t part, uint32_t conns)
{
	uint64_t halves = (uint64_t)conns * NET_HALF_BYTES;

	return (part - MIN(halves, part / 2)) * 2 / 3;
}

static void
start_floors(const struct config *c)
{
	uint64_t hundredth = c->memory / 100;
	uint32_t conns = conns_allowed(c->nfs_conns);

	stage_set(FLOOR_NET, &net_stage);
	stage_set(FLOOR_DECODE, &decode_stage);
	stage_set(FLOOR_AUTH, &auth_stage);
	stage_set(FLOOR_VFS, &vfs_stage);
	stage_set(FLOOR_CACHE, &cache_stage);
	stage_set(FLOOR_BLOCK, &block_stage);
	stage_set(FLOOR_SYNC, &sync_stage);
	txn_pool_init(TXNS);
	registry_start();
	page_start(hundredth * PART_PAGES);
	vfs_start(&(struct vfs_conf){ .inode_bytes = hundredth * PART_INODES });
	auth_start(CREDS);
	machine_start(&(struct machine_conf){ .workers = (uint32_t)c->workers, .jobs = JOBS });
	block_start(&(struct block_conf){
		.places_max = (uint32_t)(MIN(c->memory, 1ull << 30) / PLACE_PART),
		.records_cap = hundredth * PART_RECORDS, .segment_bytes = SEGMENT,
		.tick_ms = TICK_MS, .air_bytes = c->memory / AIR_PART });
	sync_start(&(struct sync_conf){ .apply_ms = APPLY_MS,
	    .carve_age_ms = (uint32_t)c->carve_age_s * 1000, .carve_at_percent = CARVE_PERCENT,
	    .compact_percent = (uint32_t)c->compact_percent,
	    .compact_bytes_hour = c->compact_hour, .grace_ms = (uint32_t)c->grace_s * 1000,
	    .scrub_bytes = c->scrub_rate });
	net_start(&(struct net_conf){ .jobs = JOBS, .conn_jobs = CONN_JOBS,
		.bytes = net_credits(hundredth * PART_NET, conns), .conn_bytes = CONN_BYTES,
		.conns_max = conns, .peer_conns_max = (uint32_t)c->nfs_peer_conns,
		.idle_partial_s = IDLE_PARTIAL_S });
	tune_start(conns, (uint32_t)c->nfs_peer_conns, c->portmap, (uint16_t)c->portmap_port);
}

static void
one_share(struct share *s, void *arg)
{
	struct share **keep = arg;

	if (*keep == NULL)
		*keep = share_ref(s);
}

static void
halt_remote(struct share *s, void *arg)
{
	(void)arg;
	block_remote_halt(s, true);
}

static void
close_shares(void)
{
	for (;;) {
		struct share *s = NULL;

		registry_each(one_share, &s);
		if (s == NULL)
			return;
		if (share_unwire(s) != OK)
			log_error("share.close", F_STR("share", s->conf.name));
		share_put(&s);
	}
}

static void
stop_floors(void)
{
	close_shares();
	sync_stop();
	block_stop();
	machine_stop();
	auth_stop();
	vfs_stop();
	page_stop();
	registry_stop();
	txn_pool_fini();
}

static enum status
open_share(const struct config *c, uint32_t i, char *why, size_t why_cap)
{
	uint64_t each = c->memory / 100 * PART_META / MAX(c->nshares, 1u);
	const struct config_remote *r = config_remote_of(c, c->shares[i].remote);
	struct config_remote_room room;
	struct store_spec spec;
	enum status st = r != NULL ? config_remote_spec(r, &room, &spec, why, why_cap) : OK;

	return st != OK ? st : share_wire(&c->shares[i], NULL, r != NULL ? &spec : NULL, each,
	    gateway_remember, why, why_cap);
}

/* One that does not open is down, and the others serve.  Where nobody could ask which is down, or
 * there is nothing else, it is why the daemon does not start. */
static enum status
open_shares(const struct config *c, uint32_t *nopen, char *why, size_t why_cap)
{
	enum status st = OK;

	for (uint32_t i = 0; i < c->nshares; i++) {
		why[0] = '\0';
		st = open_share(c, i, why, why_cap);
		*nopen += st == OK;
		if (st != OK)
			shares_down_note(c->shares[i].name, why[0] ? why : status_text(st));
		if (st != OK && c->plane_may_fail)
			return st;
	}
	return c->nshares > 0 && *nopen == 0 && !c->plane ? st : OK;
}

static enum status
listen_all(const struct config *c, struct ports *ports, char *why, size_t why_cap)
{
	struct text t = text_of(why, why_cap);
	enum status st = c->nshares > 0 || !c->plane ? gateway_start() : OK;

	ports->nfs = gateway_nfs_port();
	if (st != OK) {
		text_addf(&t, "cannot listen on port %llu: %s; is another server there?",
		    (unsigned long long)c->nfs_port, status_text(st));
		return st;
	}
	if (!c->metrics)
		return OK;
	st = metrics_start(c->metrics_host, (uint16_t)c->metrics_port, &ports->metrics);
	if (st != OK)
		text_addf(&t,
		    "cannot serve metrics on %s port %llu: %s (metrics.port, metrics.enabled)",
		    c->metrics_host, (unsigned long long)c->metrics_port, status_text(st));
	return st;
}

/* An address of one family is listened on alone; none: both families' any. */
static void
bind_to(struct gateway_settings *g, const char *host)
{
	struct text v4, v6;

	if (host[0] == '\0')
		return;
	v4 = text_of(g->nfs_bind, sizeof g->nfs_bind);
	v6 = text_of(g->nfs_bind6, sizeof g->nfs_bind6);
	text_add(strchr(host, ':') != NULL ? &v6 : &v4, host);
}

static void
make_gateway(const struct config *c)
{
	struct gateway_settings g;

	gateway_settings_default(&g);
	g.nfs_port = c->nfs_port;
	g.portmap_enabled = c->portmap;
	g.portmap_port = c->portmap_port;
	bind_to(&g, c->nfs_host);
	gateway_make(&g);
}

static void
rooms(const struct config *c)
{
	shares_secrets_set(&(struct shares_secrets){ .key_file = c->key_file,
		.passphrase_file = c->passphrase_file,
		.passphrase = getenv("DITTOFS_ENCRYPTION_PASSPHRASE") });
	start_floors(c);
	make_gateway(c);
}

void
house_open_alone(const struct config *c, uint64_t *meta_bytes)
{
	rooms(c);
	*meta_bytes = c->memory / 100 * PART_META;
}

enum status
house_open(const struct config *c, struct ports *ports, char *why, size_t why_cap)
{
	enum status st;

	*ports = (struct ports){ 0 };
	rooms(c);
	st = open_shares(c, &ports->shares, why, why_cap);
	if (st == OK)
		st = listen_all(c, ports, why, why_cap);
	if (st == OK && c->plane)
		st = plane_start(c, c->memory / 100 * PART_META / PLANE_SHARES, ports, why,
		    why_cap);
	if (st != OK)
		house_close();
	return st;
}

void
house_close(void)
{
	plane_stop();
	metrics_stop();
	net_stop_listening();
	registry_each(halt_remote, NULL);	/* a connection waits for its requests to end */
	net_stop();
	gateway_stop();
	stop_floors();
	net_fini();
	shares_down_clear();
}
