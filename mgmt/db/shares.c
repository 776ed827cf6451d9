/*
 * From a share's row, and the stores it names, to what the wiring wants.  Export rules are written
 * as in exports(5); a netgroup among the hosts is replaced by its members.
 */
#include "mgmt/db/db.h"

#include "mgmt/shares/words.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/model/share_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct reading {
	struct share_conf *conf;
	struct db_conn *c;		/* NULL: only look at the form */
	struct arena *arena;
	uint8_t squash;			/* of a rule that does not say */
	const char *hosts;		/* of a netgroup's members */
	struct export_rule rule;
	char *why;
	size_t cap;
	bool full;
};

static const struct {
	const char *word;
	uint8_t squash;
} squashes[] = {
	{ "none", SQUASH_NONE },		{ "root_to_admin", SQUASH_NONE },
	{ "root_to_guest", SQUASH_ROOT },	{ "all_to_guest", SQUASH_ALL },
	{ "all_to_admin", SQUASH_ADMIN },
	{ "no_root_squash", SQUASH_NONE },	{ "root_squash", SQUASH_ROOT },
	{ "all_squash", SQUASH_ALL },
};

static bool
squash_of(const char *word, uint8_t *squash)
{
	for (size_t i = 0; i < ARRAY_LEN(squashes); i++)
		if (strcmp(squashes[i].word, word) == 0) {
			*squash = squashes[i].squash;
			return true;
		}
	return false;
}

static bool
wrong(struct reading *r, const char *what, const char *word)
{
	snprintf(r->why, r->cap, "%s: \"%.80s\"", what, word);
	return false;
}

static bool
option(struct reading *r, const char *word)
{
	if (strcmp(word, "ro") == 0)
		r->rule.read_only = true;
	else if (strcmp(word, "rw") == 0)
		r->rule.read_only = false;
	else if (strcmp(word, "secure") == 0)
		r->rule.secure = true;
	else if (strcmp(word, "insecure") == 0)
		r->rule.secure = false;
	else if (!squash_of(word, &r->rule.squash) || r->rule.squash == SQUASH_ADMIN)
		return wrong(r, "no option of an export rule", word);
	return true;
}

static void
add_rule(struct reading *r, const char *hosts)
{
	if (r->conf == NULL)
		return;
	if (r->conf->nrules >= EXPORT_RULES_MAX) {
		r->full = true;
		return;
	}
	snprintf(r->rule.hosts, sizeof r->rule.hosts, "%s", hosts);
	r->conf->rules[r->conf->nrules++] = r->rule;
}

static void
add_member(const struct db_row *row, void *arg)
{
	add_rule(arg, db_text(DB_NETGROUP_MEMBER, row, "value"));
}

/* "@name": its members where it is one of ours, else the system's netgroup of that name. */
static bool
add_hosts(struct reading *r, const char *hosts)
{
	struct db_list all = { .scope = hosts + 1, .limit = DB_LIST_MAX };
	struct db_row group;

	if (hosts[0] != '@' || r->c == NULL ||
	    db_get(r->c, DB_NETGROUP, NULL, hosts + 1, r->arena, &group) != OK)
		add_rule(r, hosts);
	else if (db_list(r->c, DB_NETGROUP_MEMBER, &all, r->arena, add_member, r) != OK)
		return wrong(r, "cannot read the netgroup", hosts);
	return !r->full || wrong(r, "more export rules than a share can hold, at", hosts);
}

static bool
hosts_ok(const char *hosts)
{
	static const struct db_field network = { "hosts", DB_HOSTS, 0, 2, 64, NULL, NULL };
	static const struct db_field name = { "netgroup", DB_NAME, 0, 1, 64, NULL, NULL };
	struct db_value v = { .is = DB_TEXT, .text = hosts };
	char why[120];

	if (strcmp(hosts, "*") == 0)
		return true;
	if (hosts[0] != '@')
		return db_field_ok(&network, &v, why, sizeof why);
	v.text = hosts + 1;
	return db_field_ok(&name, &v, why, sizeof why);
}

/* One "hosts(option,option)". */
static bool
one_rule(struct reading *r, char *word)
{
	char *open = strchr(word, '('), *opt, *next;

	r->rule = (struct export_rule){ .squash = r->squash };
	if (open != NULL) {
		size_t n = strlen(open);

		if (open[n - 1] != ')')
			return wrong(r, "an export rule lacks its )", word);
		open[n - 1] = '\0';
		*open = '\0';
	}
	if (!hosts_ok(word))
		return wrong(r, "neither *, an address, a network nor @netgroup", word);
	for (opt = open == NULL ? NULL : open + 1; opt != NULL && *opt != '\0'; opt = next) {
		next = strchr(opt, ',');
		if (next != NULL)
			*next++ = '\0';
		if (!option(r, opt))
			return false;
	}
	return add_hosts(r, word);
}

static bool
rules_read(struct reading *r, const char *rules)
{
	char word[256];

	while (*(rules += strspn(rules, " ")) != '\0') {
		size_t n = strcspn(rules, " ");

		if (n >= sizeof word)
			return wrong(r, "an export rule is too long", rules);
		memcpy(word, rules, n);
		word[n] = '\0';
		rules += n;
		if (!one_rule(r, word))
			return false;
	}
	return true;
}

bool
db_rules_ok(const char *rules, char *why, size_t why_cap)
{
	struct reading r = { .why = why, .cap = why_cap };

	return rules_read(&r, rules);
}

/* A share's name as one part of a path. */
static void
add_encoded(struct text *t, const char *name)
{
	for (name += *name == '/'; *name != '\0'; name++)
		if (isalnum((unsigned char)*name) || strchr("._-", *name) != NULL)
			text_addn(t, name, 1);
		else
			text_addf(t, "%%%02X", (unsigned char)*name);
}

static bool
place_local(const struct db_row *store, const struct db_place *place, struct share_conf *conf)
{
	const char *path = db_text(DB_LOCAL_STORE, store, "path");
	const char *name = db_text(DB_LOCAL_STORE, store, "name");
	struct text t = text_of(conf->dir, sizeof conf->dir);

	if (*path != '\0')
		text_addf(&t, "%s/", path);
	else if (strcmp(db_text(DB_LOCAL_STORE, store, "type"), "memory") == 0)
		text_addf(&t, "/dev/shm/dittofs-%u/%s/", (unsigned)getuid(), name);
	else
		text_addf(&t, "%s/stores/%s/", place->state_dir, name);
	add_encoded(&t, conf->name);
	return !t.cut;
}

static bool
place_meta(const struct db_row *store, struct share_conf *conf)
{
	const char *path = db_text(DB_META_STORE, store, "path");
	struct text t = text_of(conf->meta_dir, sizeof conf->meta_dir);

	snprintf(conf->meta, sizeof conf->meta, "%s", db_text(DB_META_STORE, store, "type"));
	if (*path != '\0') {
		text_addf(&t, "%s/", path);
		add_encoded(&t, conf->name);
	}
	return !t.cut;
}

static bool
plain_fields(const struct db_row *share, struct share_conf *conf)
{
	bool owned = db_num(DB_SHARE, share, "owner_uid") != 0;

	*conf = (struct share_conf){
		.tier = strcmp(db_text(DB_SHARE, share, "durability"), "writeback") == 0 ?
		    TIER_WRITEBACK : TIER_LOCAL,
		.read_only = db_num(DB_SHARE, share, "read_only") != 0,
		.anon_uid = (uint32_t)db_num(DB_SHARE, share, "anonymous_uid"),
		.anon_gid = (uint32_t)db_num(DB_SHARE, share, "anonymous_gid"),
		.root_uid = (uint32_t)db_num(DB_SHARE, share, "owner_uid"),
		.root_gid = (uint32_t)db_num(DB_SHARE, share, "owner_gid"),
		.root_mode = owned ? 0755 : 01777,	/* nobody's own: everyone may make files */
		.journal_bytes = (uint64_t)db_num(DB_SHARE, share, "local_store_size"),
		.reserve_bytes = 256ull << 20,
		.quota_bytes = (uint64_t)db_num(DB_SHARE, share, "quota_bytes"),
	};
	snprintf(conf->name, sizeof conf->name, "%s", db_text(DB_SHARE, share, "name"));
	if (!shares_encryption_of(db_text(DB_SHARE, share, "encryption"), &conf->encryption) ||
	    !shares_compression_of(db_text(DB_SHARE, share, "compression"), &conf->compression))
		return false;
	return true;
}

enum status
db_share_conf(struct db_conn *c, const struct db_row *share, const struct db_place *place,
    struct arena *arena, struct share_conf *conf, char *why, size_t why_cap)
{
	struct reading r = { .conf = conf, .c = c, .arena = arena, .why = why, .cap = why_cap };
	const char *rules = db_text(DB_SHARE, share, "export_rules");
	struct db_row meta, local;

	if (!plain_fields(share, conf)) {
		snprintf(why, why_cap,
		    "its encryption or compression is none that this program knows");
		return ST_INVAL;
	}
	if (db_get(c, DB_META_STORE, NULL, db_text(DB_SHARE, share, "metadata_store"), arena,
	    &meta) != OK || db_get(c, DB_LOCAL_STORE, NULL,
	    db_text(DB_SHARE, share, "local_block_store"), arena, &local) != OK) {
		snprintf(why, why_cap, "a store that it names is not there");
		return ST_NOENT;
	}
	if (!place_local(&local, place, conf) || !place_meta(&meta, conf)) {
		snprintf(why, why_cap, "the path of its folder is too long");
		return ST_NAMETOOLONG;
	}
	if (!squash_of(db_text(DB_SHARE, share, "squash"), &r.squash) ||
	    !rules_read(&r, rules))
		return ST_INVAL;
	if (rules[strspn(rules, " ")] == '\0') {
		conf->nrules = 1;
		conf->rules[0] = (struct export_rule){ .hosts = "*", .squash = r.squash };
	}
	return OK;
}
