/*
 * Who may do what on a share: its export rules, what squash makes of whom, the levels of users
 * and groups, and which user a number of the wire is.  Made whole, then shared and never changed:
 * an operator's change makes new ones, which share_rules_swap puts in force while the share serves.
 */
#ifndef SHARE_RULES_H
#define SHARE_RULES_H

#include "pipeline/base/epoch.h"
#include "pipeline/base/ref.h"
#include "pipeline/model/cred.h"
#include "pipeline/model/share_conf.h"

#include <stddef.h>

/* What speaks for a number: a user's own grant before any group's; disabled before both. */
enum rules_kind { RULES_GROUP, RULES_MEMBER, RULES_USER, RULES_DISABLED };

enum { RULES_MAP_GIDS = 64 };

struct rules_grant {
	uint32_t id;			/* gid of a GROUP, else uid */
	uint8_t kind, level;
};

struct rules_map {
	uint32_t from;			/* a uid on the wire */
	uint32_t uid, gid;
	uint16_t ngids;
	uint32_t gids[RULES_MAP_GIDS];
};

struct share_rules {
	struct ref refs;
	struct epoch_entry epoch;
	bool read_only;
	bool gated;			/* false: levels are not asked, modes alone decide */
	uint8_t level;			/* enum share_level: of whom no grant names */
	uint32_t anon_uid, anon_gid;
	uint32_t nrules;
	struct export_rule rules[EXPORT_RULES_MAX];
	struct rules_grant *grants;
	size_t ngrants, grants_room;
	struct rules_map *maps;
	size_t nmaps, maps_room;
	size_t groups_from;		/* grants of groups stand behind the others, once sealed */
};

/* What a conf says, not gated and without grants; the caller's reference. */
struct share_rules *rules_new(const struct share_conf *conf);

/* While they are made: any order, repetitions welcome.  Levels are asked from the first call of
 * rules_gate on. */
void rules_gate(struct share_rules *r, enum share_level others);
void rules_grant(struct share_rules *r, enum rules_kind kind, uint32_t id, enum share_level level);
/* A uid on the wire is that user; repeated with other gids, these are the user's groups. */
void rules_map(struct share_rules *r, uint32_t from, uint32_t uid, uint32_t gid);
void rules_map_group(struct share_rules *r, uint32_t from, uint32_t gid);
void rules_seal(struct share_rules *r);	/* then they may be asked */

struct share_rules *rules_copy(const struct share_rules *r);
struct share_rules *rules_ref(struct share_rules *r);
void rules_put(struct share_rules **rp);
void rules_put_late(struct share_rules **rp);	/* once all sections of now are over */

/* Who that uid of the wire is; NULL: itself. */
const struct rules_map *rules_mapped(const struct share_rules *r, uint32_t uid);

/* The level of who claims that (after rules_mapped): a user's own grant, else the highest of the
 * groups the user is a member of or shows the gid of, else the others'. */
enum share_level rules_level(const struct share_rules *r, uint32_t uid, uint32_t gid,
    const uint32_t *gids, uint32_t ngids);

#endif
