/*
 * The control plane's house: shares are wired and unwired, adapters listen or do not.  One caller
 * at a time: changes come under the control database's one writer.
 */
#include "mgmt/daemon/plane.h"

#include "backends/block/call.h"
#include "gateway/gateway.h"
#include "mgmt/daemon/clients.h"
#include "mgmt/daemon/explain.h"
#include "mgmt/daemon/tune.h"
#include "mgmt/metrics/metrics.h"
#include "mgmt/rest/rest.h"
#include "mgmt/shares/keys.h"
#include "mgmt/shares/stores.h"
#include "mgmt/shares/wire.h"
#include "pipeline/auth/auth.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/block/block.h"
#include "pipeline/block/keys.h"
#include "pipeline/sync/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t cache_bytes;

static enum status
open_share(const struct share_conf *conf, struct share_rules *rules,
    const struct store_spec *remote, char *why, size_t why_cap)
{
	return share_wire(conf, rules, remote, cache_bytes, gateway_remember, why, why_cap);
}

static enum status
close_share(const char *name)
{
	struct share *s = registry_by_name(name, strlen(name));
	enum status st;

	if (s == NULL)
		return ST_NOENT;
	st = share_unwire(s);
	if (st == OK)
		auth_forget(s->row.share);
	share_put(&s);
	return st;
}

static struct share_rules *
swap_rules(const char *name, struct share_rules *rules)
{
	struct share *s = registry_by_name(name, strlen(name));
	struct share_rules *old;

	if (s == NULL) {
		rules_put(&rules);
		return NULL;
	}
	old = share_rules_swap(s, rules);
	auth_forget(s->row.share);
	share_put(&s);
	return old;
}

static void
tune(const char *name, const struct share_tuning *now, struct share_tuning *old)
{
	struct share *s = registry_by_name(name, strlen(name));

	if (s == NULL)
		return;
	if (old != NULL)
		*old = share_tuning_get(s);
	share_tuning_set(s, now);
	block_retuned(s);
	share_put(&s);
}

static enum status
rotate_key(const char *name, uint32_t *version, char *why, size_t why_cap)
{
	struct share *s = registry_by_name(name, strlen(name));
	enum status st;

	if (s == NULL) {
		snprintf(why, why_cap, "it is not open");
		return ST_NOENT;
	}
	st = shares_keys_rotate(s, version, why, why_cap);
	share_put(&s);
	return st;
}

static enum status
rewrap_keys(const char *name, uint32_t *rewrapped, uint32_t *keys, char *why, size_t why_cap)
{
	struct share *s = registry_by_name(name, strlen(name));
	enum status st;

	if (s == NULL) {
		snprintf(why, why_cap, "it is not open");
		return ST_NOENT;
	}
	st = shares_keys_rewrap(s, rewrapped, why, why_cap);
	*keys = st == OK ? keys_newest(s->keys) : 0;
	share_put(&s);
	return st;
}

static void
look(const char *name, struct rest_share_state *state)
{
	struct share *s = registry_by_name(name, strlen(name));
	struct block_usage usage;
	struct sync_remote remote;

	*state = (struct rest_share_state){ .open = false };
	if (s == NULL || atomic_load(&s->state) != SHARE_OPEN) {
		share_put(&s);
		return;
	}
	block_usage_read(s, &usage);
	*state = (struct rest_share_state){ .open = true, .well = block_state(s) == OK,
		.used_bytes = atomic_load(&s->used_bytes), .files = atomic_load(&s->used_inodes),
		.dirty_bytes = usage.dirty_bytes, .disk_free = usage.disk_free };
	sync_remote_look(s, &remote);
	if (remote.keys_other != 0)
		snprintf(state->wants, sizeof state->wants, "%s", remote.text);
	share_put(&s);
}

static bool
blocks(const char *name, enum blocks_do what, struct sync_remote *out)
{
	struct share *s = registry_by_name(name, strlen(name));
	bool open = s != NULL && atomic_load(&s->state) == SHARE_OPEN;

	if (open && what == BLOCKS_PUSH)
		sync_push_share(s);
	if (open)
		sync_remote_look(s, out);
	share_put(&s);
	return open;
}

static enum status
evict(const char *name, const char *path, uint64_t idle_s, struct sync_remote *out)
{
	struct share *s = registry_by_name(name, strlen(name));
	enum status st = s != NULL && atomic_load(&s->state) == SHARE_OPEN ? OK : ST_NOENT;

	if (st == OK)
		st = sync_evict_share(s, path, idle_s);
	if (st == OK)
		sync_remote_look(s, out);
	share_put(&s);
	return st;
}

static enum status
warm(const char *name, enum warm_do what, const char *path, struct sync_warm *out)
{
	struct share *s = registry_by_name(name, strlen(name));
	enum status st = s != NULL && atomic_load(&s->state) == SHARE_OPEN ? OK : ST_NOENT;

	if (st == OK && what == WARM_DO_START)
		st = sync_warm_start(s, path);
	if (st == OK && what == WARM_DO_CANCEL)
		sync_warm_cancel(s);
	if (st == OK && !sync_warm_look(s, out))
		st = ST_NOTSUPP;
	share_put(&s);
	return st;
}

static bool
scrub(const char *name, enum scrub_do what, struct sync_scrub *out)
{
	struct share *s = registry_by_name(name, strlen(name));
	bool open = s != NULL && atomic_load(&s->state) == SHARE_OPEN;

	if (open && (what == SCRUB_BEGIN || what == SCRUB_BEGIN_REMOTE))
		sync_scrub_begin(s, what == SCRUB_BEGIN_REMOTE);
	if (open && what == SCRUB_END)
		sync_scrub_stop(s);
	if (open)
		sync_scrub_look(s, out);
	share_put(&s);
	return open;
}

struct asking {
	const char *name;
	unsigned *shares;
	struct block_gauge *out;
	bool found;
};

static void
see_store(const struct stores_seen *s, void *arg)
{
	struct asking *a = arg;

	if (strcmp(s->name, a->name) != 0)
		return;
	a->found = true;
	*a->shares = s->shares;
	block_gauge_read(s->gauge, a->out);
}

static bool
store_gauge(const char *name, unsigned *shares, struct block_gauge *out)
{
	struct asking a = { name, shares, out, false };

	stores_each(see_store, &a);
	return a.found;
}

static bool
compact(const char *name, enum compact_do what, struct sync_compaction *out)
{
	struct share *s = registry_by_name(name, strlen(name));
	bool open = s != NULL && atomic_load(&s->state) == SHARE_OPEN;

	if (open && what != COMPACT_LOOK)
		sync_compact_share(s, what == COMPACT_OLD_KEYS);
	if (open)
		sync_compaction_look(s, out);
	share_put(&s);
	return open;
}

struct draining {
	void (*see)(const char *name, const struct sync_remote *r, void *arg);
	void *arg;
};

static void
drain_one(struct share *s, void *arg)
{
	struct draining *d = arg;
	struct sync_remote r;

	if (blocks(s->conf.name, BLOCKS_PUSH, &r))
		d->see(s->conf.name, &r, d->arg);
}

static void
drain(void (*see)(const char *name, const struct sync_remote *r, void *arg), void *arg)
{
	struct draining d = { see, arg };

	registry_each(drain_one, &d);
}

static enum status
set_adapter(const char *type, bool on, uint16_t port, char *why, size_t why_cap)
{
	enum status st;

	if (strcmp(type, "nfs") != 0)
		return ST_NOTSUPP;
	if (on && gateway_nfs_port() == port)
		return OK;
	st = gateway_listen_again(on, port);
	if (st != OK)
		snprintf(why, why_cap, "port %u: %s", port, status_text(st));
	return st;
}

static bool
runs(const char *type)
{
	return strcmp(type, "nfs") == 0 && gateway_nfs_port() != 0;
}

static const struct rest_house house = { .share_open = open_share,
	.share_close = close_share,
	.share_blocks = blocks,
	.share_evict = evict,
	.share_warm = warm,
	.share_scrub = scrub,
	.drain = drain,
	.share_compact = compact,
	.store_try = stores_try,
	.store_gauge = store_gauge,
	.share_rules = swap_rules,
	.share_tune = tune,
	.share_look = look,
	.share_rotate = rotate_key,
	.share_rewrap = rewrap_keys,
	.adapter_set = set_adapter,
	.adapter_runs = runs,
	.adapter_tune = tune_adapter,
	.clients = clients_list,
	.mounts = clients_mounts,
	.disconnect = clients_disconnect,
	.explain = explain_access,
	.metrics = metrics_write };

enum status
plane_start(const struct config *c, uint64_t share_bytes, struct ports *ports, char *why,
    size_t why_cap)
{
	char path[CONFIG_STR_MAX + 32];
	struct rest_started started;
	struct rest_conf conf;
	enum status st;

	if (strcmp(c->db_type, "sqlite") != 0) {
		snprintf(why, why_cap, "database.type: \"%.40s\" is not sqlite", c->db_type);
		return ST_INVAL;
	}
	cache_bytes = share_bytes;
	snprintf(path, sizeof path, "%s%s", c->db_path[0] ? c->db_path : c->state_dir,
	    c->db_path[0] ? "" : "/controlplane.db");
	conf = (struct rest_conf){ .host = c->plane_host, .port = (uint16_t)c->plane_port,
		.db_path = path, .state_dir = c->state_dir, .jwt_secret = c->jwt_secret,
		.tls_cert = c->tls_cert, .tls_key = c->tls_key, .tls_client_ca = c->tls_client_ca,
		.access_s = c->access_s, .refresh_s = c->refresh_s,
		.admin_password = getenv("DITTOFS_ADMIN_INITIAL_PASSWORD"),
		.require_change = c->require_change, .file_shares = c->shares,
		.nfile_shares = c->nshares, .nfs_listens = ports->nfs != 0,
		.nfs_port = ports->nfs != 0 ? ports->nfs :
		    (uint16_t)(c->nfs_port ? c->nfs_port : 12049),
		.house = &house };
	st = rest_start(&conf, &started, why, why_cap);
	if (st != OK && c->plane_may_fail) {
		log_warn("rest.failed", F_STR("why", why));
		return OK;
	}
	if (st != OK)
		return st;
	ports->rest = started.port;
	ports->nfs = gateway_nfs_port();
	ports->shares += started.shares;
	memcpy(ports->admin_password, started.admin_password, sizeof ports->admin_password);
	return OK;
}

void
plane_stop(void)
{
	rest_stop();
}
