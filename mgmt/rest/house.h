/*
 * What the control plane asks of the rest of the daemon: made by assemble.c, or by a test that
 * has no shares at all.  All of it is called from the control plane's own threads and may wait.
 */
#ifndef MGMT_REST_HOUSE_H
#define MGMT_REST_HOUSE_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct share_conf;
struct share_rules;
struct share_tuning;
struct store_spec;
struct block_check;
struct block_gauge;
struct sync_compaction;
struct sync_remote;
struct sync_warm;
struct sync_scrub;

struct rest_share_state {
	bool open, well;		/* well: its journal takes entries */
	uint64_t used_bytes, files, dirty_bytes, disk_free;
	uint64_t look_ns;		/* how long looking took: rest_live_look */
	char wants[160];		/* it serves, but somebody must act: why; "": nobody */
};

enum { REST_ADDRESS_TEXT = 46, REST_PATH_TEXT = 256 };

struct rest_client {
	char address[REST_ADDRESS_TEXT], protocol[16];
	uint32_t connections;
	uint64_t since_s, last_s;	/* wall: the oldest connection's, the last message's */
	uint64_t requests;		/* of the connections that are open */
	uint32_t version;		/* 0: it has not called yet */
	uint32_t uid;			/* who last spoke */
	bool anonymous;			/* and showed no identity */
};

struct rest_mount {
	char address[REST_ADDRESS_TEXT], path[REST_PATH_TEXT];
	uint64_t at_s;
};

enum warm_do { WARM_DO_LOOK, WARM_DO_START, WARM_DO_CANCEL };
enum scrub_do { SCRUB_LOOK, SCRUB_BEGIN, SCRUB_BEGIN_REMOTE, SCRUB_END };
enum compact_do { COMPACT_LOOK, COMPACT_NOW, COMPACT_OLD_KEYS };

enum blocks_do { BLOCKS_LOOK, BLOCKS_PUSH };

enum { REST_EXPLAIN_LINES = 64, REST_EXPLAIN_TEXT = 400, REST_EXPLAIN_GIDS = 64 };

struct rest_explain {
	char share[REST_PATH_TEXT], rest[REST_PATH_TEXT];	/* rest: below the share's root */
	char address[REST_ADDRESS_TEXT];	/* of the client; checked */
	uint32_t uid, gid, ngids;
	uint32_t gids[REST_EXPLAIN_GIDS];
};

struct rest_explained {
	bool reached;			/* the path's end */
	uint32_t access;		/* ACCESS bits there: RFC 1813 §3.3.4 */
	int lines;
	char line[REST_EXPLAIN_LINES][REST_EXPLAIN_TEXT];
};

struct rest_house {
	/* Serve that share from now on, by those rules (taken), its remote store there (NULL:
	 * none); why: a sentence. */
	enum status (*share_open)(const struct share_conf *conf, struct share_rules *rules,
	    const struct store_spec *remote, char *why, size_t why_cap);
	/* Serve it no more: all durable, all closed.  NOENT: it was not open. */
	enum status (*share_close)(const char *name);
	/* By other rules (taken) from now on, while it serves; the caller gets those before, NULL
	 * where it is not open. */
	struct share_rules *(*share_rules)(const char *name, struct share_rules *rules);
	/* Tuned so from now on, while it serves; old (NULL: not asked) is how it was.  Nothing
	 * where it is not open. */
	void (*share_tune)(const char *name, const struct share_tuning *now,
	    struct share_tuning *old);
	/* A new share key; NOENT: it is not open.  INVAL: it does not encrypt. */
	enum status (*share_rotate)(const char *name, uint32_t *version, char *why, size_t why_cap);
	void (*share_look)(const char *name, struct rest_share_state *state);

	/* Listen for that protocol on that port, or listen no more. */
	enum status (*adapter_set)(const char *type, bool on, uint16_t port, char *why,
	    size_t why_cap);
	bool (*adapter_runs)(const char *type);

	/* What its blocks do (pipeline/sync/sync.h), and have them do that.  false: not open. */
	bool (*share_blocks)(const char *name, enum blocks_do what, struct sync_remote *out);
	/* Evict a share, or a path of it, unused for so long; as sync_evict_share.  NOENT: it is
	 * not open. */
	enum status (*share_evict)(const char *name, const char *path, uint64_t idle_s,
	    struct sync_remote *out);
	/* Warm a share, or a path of it; give that up; how it stands.  NOENT: it is not open.  Else
	 * as sync_warm_start; NOTSUPP without a remote store. */
	enum status (*share_warm)(const char *name, enum warm_do what, const char *path,
	    struct sync_warm *out);
	/* Verify all there is, here and (REMOTE) there; how far that is.  false: not open. */
	bool (*share_scrub)(const char *name, enum scrub_do what, struct sync_scrub *out);
	/* How its compaction stands, and have it begin.  false: not open. */
	bool (*share_compact)(const char *name, enum compact_do what, struct sync_compaction *out);
	/* Push all shares, and see each. */
	void (*drain)(void (*see)(const char *name, const struct sync_remote *r, void *arg),
	    void *arg);

	/* Look at a remote store (mgmt/shares/stores.h: stores_try). */
	enum status (*store_try)(const struct store_spec *spec, bool whole,
	    struct block_check *check, unsigned *np, char *why, size_t why_cap);

	/* One of tuning.def's settings, from now on; why: a sentence. */
	enum status (*adapter_tune)(const char *type, const char *name, const char *value,
	    char *why, size_t why_cap);

	/* Who is connected, who says to have mounted what: how many were put there. */
	uint32_t (*clients)(struct rest_client *to, uint32_t most);
	uint32_t (*mounts)(struct rest_mount *to, uint32_t most);
	/* End all connections of that address; how many. */
	uint32_t (*disconnect)(const char *address);

	/* What a request of that user would meet on its way; NOENT: the share is not open. */
	enum status (*explain)(const struct rest_explain *ask, struct rest_explained *out);

	void (*metrics)(struct text *page);	/* Prometheus text */

	/* What an open remote store has been asked: the calls' figures, and how many shares are on
	 * it; false: none is. */
	bool (*store_gauge)(const char *name, unsigned *shares, struct block_gauge *out);

	/* Its keys, wrapped anew by the key-encrypting key of now: how many, of how many.  As
	 * rotate. */
	enum status (*share_rewrap)(const char *name, uint32_t *rewrapped, uint32_t *keys,
	    char *why, size_t why_cap);
};

#endif
