/*
 * From rows to a share's rules: who has which level on it, by the numbers that clients show, and
 * which numbers mean which user.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/share/rules.h"

#include <string.h>

#define MAPPED "idmaps i JOIN users u ON u.username=i.username WHERE i.provider_name='sys'"

static bool
level_of(const char *word, enum share_level *level)
{
	static const char *const words[] = { [LEVEL_NONE] = "none", [LEVEL_READ] = "read",
		[LEVEL_WRITE] = "read-write", [LEVEL_ADMIN] = "admin" };

	for (size_t i = 0; word != NULL && i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0) {
			*level = (enum share_level)i;
			return true;
		}
	return false;
}

static bool
number(struct db_stmt *s, int at, uint32_t *n)
{
	int64_t v = db_col_num(s, at);

	*n = (uint32_t)v;
	return db_col_is_num(s, at) && v >= 0 && v < UINT32_MAX;
}

static void
add_grant(struct share_rules *r, struct db_stmt *s)
{
	enum share_level level = LEVEL_NONE;
	uint32_t kind, id;

	if (number(s, 0, &kind) && number(s, 1, &id) && level_of(db_col_text(s, 2), &level))
		rules_grant(r, (enum rules_kind)kind, id, level);
}

static void
add_map(struct share_rules *r, struct db_stmt *s)
{
	const char *principal = db_col_text(s, 0);
	uint32_t uid, gid;
	uint64_t from;

	if (principal != NULL && text_u64(principal, 0, UINT32_MAX - 1, &from) &&
	    number(s, 1, &uid) && number(s, 2, &gid))
		rules_map(r, (uint32_t)from, uid, gid);
}

static void
add_map_group(struct share_rules *r, struct db_stmt *s)
{
	const char *principal = db_col_text(s, 0);
	uint32_t gid;
	uint64_t from;

	if (principal != NULL && text_u64(principal, 0, UINT32_MAX - 1, &from) &&
	    number(s, 1, &gid))
		rules_map_group(r, (uint32_t)from, gid);
}

/* What is asked: kind (of rules.h), number, level; or principal and numbers.  A SID stands for
 * the user or the group that has it. */
static const struct question {
	const char *sql;
	bool of_share;
	void (*add)(struct share_rules *r, struct db_stmt *s);
} questions[] = {
	{ "SELECT 2,u.uid,g.level FROM grants g JOIN users u ON u.username=g.name"
	  " WHERE g.share=?1 AND g.type='user'", true, add_grant },
	{ "SELECT 0,r.gid,g.level FROM grants g JOIN groups r ON r.name=g.name"
	  " WHERE g.share=?1 AND g.type='group'", true, add_grant },
	{ "SELECT 1,u.uid,g.level FROM grants g JOIN members m ON m.group_name=g.name"
	  " JOIN users u ON u.username=m.username WHERE g.share=?1 AND g.type='group'", true,
	  add_grant },
	{ "SELECT 2,u.uid,g.level FROM grants g JOIN users u ON u.sid=g.name"
	  " WHERE g.share=?1 AND g.type='sid'", true, add_grant },
	{ "SELECT 0,r.gid,g.level FROM grants g JOIN groups r ON r.sid=g.name"
	  " WHERE g.share=?1 AND g.type='sid'", true, add_grant },
	{ "SELECT 1,u.uid,g.level FROM grants g JOIN groups r ON r.sid=g.name"
	  " JOIN members m ON m.group_name=r.name JOIN users u ON u.username=m.username"
	  " WHERE g.share=?1 AND g.type='sid'", true, add_grant },
	{ "SELECT 3,uid,'none' FROM users WHERE enabled=0", false, add_grant },
	{ "SELECT i.principal,u.uid,u.gid FROM " MAPPED, false, add_map },
	{ "SELECT i.principal,r.gid FROM idmaps i JOIN members m ON m.username=i.username"
	  " JOIN groups r ON r.name=m.group_name WHERE i.provider_name='sys' ORDER BY r.gid", false,
	  add_map_group },
};

static enum status
ask(struct db_conn *c, const struct question *q, const char *share, struct share_rules *r)
{
	struct db_stmt *s;
	bool row = true;
	enum status st = db_prepare(c, q->sql, &s);

	if (st != OK)
		return st;
	if (q->of_share)
		db_bind_text(s, 1, share);
	while ((st = db_step(s, &row)) == OK && row)
		q->add(r, s);
	db_done(s);
	return st;
}

enum status
db_share_rules(struct db_conn *c, const struct db_row *share, const struct share_conf *conf,
    struct share_rules **rulesp)
{
	struct share_rules *r = rules_new(conf);
	enum share_level others = LEVEL_NONE;
	enum status st = OK;

	if (!level_of(db_text(DB_SHARE, share, "default_permission"), &others))
		st = ST_CORRUPT;
	rules_gate(r, others);
	for (size_t i = 0; st == OK && i < ARRAY_LEN(questions); i++)
		st = ask(c, &questions[i], db_text(DB_SHARE, share, "name"), r);
	if (st != OK) {
		rules_put(&r);
		return st;
	}
	rules_seal(r);
	*rulesp = r;
	return OK;
}
