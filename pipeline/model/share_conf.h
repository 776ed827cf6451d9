/*
 * What an operator says about a share.
 */
#ifndef MODEL_SHARE_CONF_H
#define MODEL_SHARE_CONF_H

#include <stdbool.h>
#include <stdint.h>

enum squash { SQUASH_NONE, SQUASH_ROOT, SQUASH_ALL, SQUASH_ADMIN };	/* ADMIN: all are root */
/* What a user or a group may do on a share, before modes are asked. */
enum share_level { LEVEL_NONE, LEVEL_READ, LEVEL_WRITE, LEVEL_ADMIN };
enum tier { TIER_WRITEBACK, TIER_LOCAL, TIER_REMOTE };

/* SHARE_INHERIT: of encryption and compression, while settings are read: what the remote store
 * says, else none.  No share is opened with it. */
enum { SHARE_NAME_MAX = 255, EXPORT_RULES_MAX = 64, SHARE_INHERIT = 255 };

/* One line of who may mount and how; the first that matches counts. */
struct export_rule {
	char hosts[128];		/* "*", CIDR, address, "@netgroup" */
	uint8_t squash;			/* enum squash */
	bool read_only;
	bool secure;			/* only from ports below 1024 */
};

struct share_conf {
	char name[SHARE_NAME_MAX + 1];	/* begins with '/' */
	char dir[1024];			/* folder of journal, containers and an embedded store */
	char meta[32];			/* kind of metadata store: "memory", "leveldb" */
	char meta_dir[1024];		/* folder of that store; empty: beside the journal */
	char remote[65]; /* of the file of settings: its store's name there; empty: none */
	uint8_t encryption;		/* crypto/aead.h: enum aead_id; 0: none */
	uint8_t compression;		/* zstd's level for what is carved; 0: none */
	char key_file[1024]; /* what wraps its keys: a file, a file of passphrases, or the */
	char passphrase_file[1024];	/* name of a variable of the environment; all empty: the */
	char passphrase_env[64];	/* daemon's own */
	uint8_t tier;			/* enum tier */
	bool read_only;
	uint32_t anon_uid, anon_gid;	/* whom squashed users become; 65534 */
	uint32_t root_uid, root_gid;	/* owner of a new share's root directory */
	uint16_t root_mode;
	uint64_t journal_bytes;		/* cap of dirty data; segments on disk follow it */
	uint64_t local_bytes; /* of containers kept here, and of what only is here; 0: any */
	uint64_t reserve_bytes;		/* of free disk space, kept; 256 MiB */
	uint64_t quota_bytes;		/* of what its files take; 0: no end but the disk's */
	uint32_t nrules;
	struct export_rule rules[EXPORT_RULES_MAX];
};

#endif
