#include "mgmt/db/db.h"

#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

static bool
ok(enum db_entity e, const char *field, const char *text)
{
	struct db_value v = { .is = DB_TEXT, .text = text };
	char why[300];

	return db_field_ok(&db_entity[e].field[db_field_at(e, field)], &v, why, sizeof why);
}

CASE(names_words_and_paths_keep_their_laws)
{
	TRUE(ok(DB_USER, "username", "alice.b-c_9"));
	FALSE(ok(DB_USER, "username", ""));
	FALSE(ok(DB_USER, "username", "a b"));
	FALSE(ok(DB_USER, "username", "../x"));
	FALSE(ok(DB_USER, "username", "123456789012345678901234567890123"));
	TRUE(ok(DB_USER, "role", "operator"));
	FALSE(ok(DB_USER, "role", "oper"));
	FALSE(ok(DB_USER, "role", "user|operator"));
	FALSE(ok(DB_USER, "role", ""));
	TRUE(ok(DB_SHARE, "name", "/a/b"));
	FALSE(ok(DB_SHARE, "name", "a"));
	FALSE(ok(DB_SHARE, "name", "/"));
	FALSE(ok(DB_SHARE, "name", "/a/../b"));
	FALSE(ok(DB_SHARE, "name", "/a//b"));
	FALSE(ok(DB_SHARE, "name", "/a/"));
	FALSE(ok(DB_SHARE, "name", "/a\nb"));
	TRUE(ok(DB_SHARE, "name", "/..a"));
	TRUE(ok(DB_LOCAL_STORE, "path", ""));
	FALSE(ok(DB_LOCAL_STORE, "path", "relative"));
	FALSE(ok(DB_USER, "email", "a\x1b[31m"));
}

CASE(hosts_are_addresses_and_networks)
{
	TRUE(ok(DB_NETGROUP_MEMBER, "value", "10.0.0.1"));
	TRUE(ok(DB_NETGROUP_MEMBER, "value", "10.0.0.0/8"));
	TRUE(ok(DB_NETGROUP_MEMBER, "value", "fd00::/8"));
	FALSE(ok(DB_NETGROUP_MEMBER, "value", "10.0.0.0/33"));
	FALSE(ok(DB_NETGROUP_MEMBER, "value", "fd00::/129"));
	FALSE(ok(DB_NETGROUP_MEMBER, "value", "10.0.0"));
	FALSE(ok(DB_NETGROUP_MEMBER, "value", "host"));
	FALSE(ok(DB_NETGROUP_MEMBER, "value", "10.0.0.0/8/8"));
}

CASE(export_rules_are_read_whole_or_refused)
{
	TRUE(ok(DB_SHARE, "export_rules", ""));
	TRUE(ok(DB_SHARE, "export_rules", "10.0.0.0/8(rw,none) @lab *(ro,root_to_guest,secure)"));
	FALSE(ok(DB_SHARE, "export_rules", "*(ro"));
	FALSE(ok(DB_SHARE, "export_rules", "*(what)"));
	FALSE(ok(DB_SHARE, "export_rules", "*(all_to_admin)"));
	FALSE(ok(DB_SHARE, "export_rules", "host.example"));
	FALSE(ok(DB_SHARE, "export_rules", "@"));
	FALSE(ok(DB_SHARE, "export_rules", "("));
}

CASE(numbers_keep_their_ranges)
{
	const struct db_field *f = &db_entity[DB_ADAPTER].field[db_field_at(DB_ADAPTER, "port")];
	char why[200];

	TRUE(db_field_ok(f, &(struct db_value){ .is = DB_NUM, .num = 1 }, why, sizeof why));
	FALSE(db_field_ok(f, &(struct db_value){ .is = DB_NUM, .num = 0 }, why, sizeof why));
	EQ_STR(why, "must be from 1 to 65535");
	FALSE(db_field_ok(f, &(struct db_value){ .is = DB_NUM, .num = 65536 }, why, sizeof why));
	FALSE(db_field_ok(f, &(struct db_value){ .is = DB_NULL }, why, sizeof why));
}

CASE(every_default_keeps_its_own_law)
{
	for (int e = 0; e < DB_ENTITIES; e++)
		for (int i = 0; i < db_entity[e].fields; i++) {
			const struct db_field *f = &db_entity[e].field[i];
			struct db_value v = { .is = DB_TEXT, .text = f->dflt };
			char why[200];

			if (f->dflt == NULL)
				continue;
			if (f->kind == DB_INT || f->kind == DB_SIZE || f->kind == DB_FLAG) {
				v.is = DB_NUM;
				EQ(sscanf(f->dflt, "%ld", &v.num), 1);
			}
			if (!db_field_ok(f, &v, why, sizeof why))
				check_fail(__FILE__, __LINE__, "%s.%s: %s", db_entity[e].name,
				    f->name, why);
		}
}
