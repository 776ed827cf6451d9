/*
 * Who is asking: hosts, rules, squash, and the caches in front of them.
 */
#include "tests/lib/check.h"
#include "tests/unit/pipeline/stage/toys.h"

#include "pipeline/auth/inner.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/stage/worker.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t *
addr(const char *text)
{
	static uint8_t to[16];

	memset(to, 0, sizeof to);
	if (inet_pton(AF_INET, text, to + 12) == 1)
		to[10] = to[11] = 0xff;
	else
		TRUE(inet_pton(AF_INET6, text, to) == 1);
	return to;
}

CASE(host_words_cover_what_they_say)
{
	static const struct { const char *word, *host; bool covers;
	} rows[] = {
		{ "*", "10.1.2.3", true },
		{ "*", "fe80::1", true },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.3", "10.1.2.4", false },
		{ "10.1.2.0/24", "10.1.2.255", true },
		{ "10.1.2.0/24", "10.1.3.0", false },
		{ "10.1.2.0/23", "10.1.3.255", true },
		{ "10.1.2.0/23", "10.1.4.0", false },
		{ "10.1.2.77/25", "10.1.2.100", true },
		{ "10.1.2.77/25", "10.1.2.128", false },
		{ "0.0.0.0/0", "200.1.1.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "10.1.2.3/32", "10.1.2.3", true },
		{ "10.1.2.3/33", "10.1.2.3", false },
		{ "10.1.2.3/", "10.1.2.3", false },
		{ "10.1.2.3/x", "10.1.2.3", false },
		{ "2001:db8::/32", "2001:db8:1::9", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "1.2.3.4", true },
		{ "::ffff:1.2.3.0/120", "1.2.3.9", true },
		{ "2001:db8::1/129", "2001:db8::1", false },
		{ "", "1.2.3.4", false },
		{ "host", "1.2.3.4", false },
		{ "/24", "1.2.3.4", false },
		{ "@no-such-netgroup", "1.2.3.4", false },
		{ "@", "1.2.3.4", false },
	};

	netgroup_start();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (netgroup_covers(rows[i].word, addr(rows[i].host)) != rows[i].covers)
			check_fail(__FILE__, __LINE__, "\"%s\" and %s", rows[i].word, rows[i].host);
	netgroup_stop();
}

CASE(a_netgroup_is_asked_once_and_never_by_who_must_not_wait)
{
	bool covers = true;

	netgroup_start();
	EQ(netgroup_ask("@no-such-netgroup", addr("1.2.3.4"), false, &covers), ST_DELAY);
	TRUE(covers);
	EQ(netgroup_ask("@no-such-netgroup", addr("1.2.3.4"), true, &covers), OK);
	FALSE(covers);
	covers = true;
	EQ(netgroup_ask("@no-such-netgroup", addr("1.2.3.4"), false, &covers), OK);
	FALSE(covers);
	EQ(netgroup_ask("@no-such-netgroup", addr("1.2.3.5"), false, &covers), ST_DELAY);
	netgroup_stop();
}

static struct share_conf
conf_of(uint32_t n, const struct export_rule *rules)
{
	struct share_conf conf = { .name = "/s", .anon_uid = 65534, .anon_gid = 65533,
		.nrules = n };

	memcpy(conf.rules, rules, n * sizeof *rules);
	return conf;
}

CASE(the_first_rule_that_covers_speaks)
{
	static const struct export_rule rules[] = {
		{ .hosts = "10.0.0.0/24", .secure = true, .squash = SQUASH_NONE },
		{ .hosts = "10.0.0.0/8", .read_only = true },
		{ .hosts = "@nobody-at-all" },
		{ .hosts = "192.168.0.1", .squash = SQUASH_ALL },
	};
	struct share_conf conf = conf_of(4, rules);
	struct share_rules *r = rules_new(&conf);

	netgroup_start();
	TRUE(grant_rule(r, addr("10.0.0.5"), 700) == &r->rules[0]);
	TRUE(grant_rule(r, addr("10.0.0.5"), 1023) == &r->rules[0]);
	TRUE(grant_rule(r, addr("10.0.0.5"), 1024) == NULL);
	TRUE(grant_rule(r, addr("10.0.1.5"), 1024) == &r->rules[1]);
	TRUE(grant_rule(r, addr("192.168.0.1"), 5000) == &r->rules[3]);
	TRUE(grant_rule(r, addr("192.168.0.2"), 5000) == NULL);
	r->nrules = 0;
	TRUE(grant_rule(r, addr("10.0.0.5"), 1) == NULL);
	rules_put(&r);
	netgroup_stop();
}

CASE(squash_makes_whom_it_should)
{
	static const uint32_t gids[] = { 9, 0, 5, 9, 7 };
	static const struct { uint8_t squash, flavour; uint32_t uid, gid, want_uid, want_gid;
		bool superuser; uint16_t groups; } rows[] = {
		{ SQUASH_NONE, CRED_SYS, 0, 0, 0, 0, true, 4 },
		{ SQUASH_NONE, CRED_SYS, 1000, 0, 1000, 0, false, 4 },
		{ SQUASH_NONE, CRED_NONE, 0, 0, 65534, 65533, false, 0 },
		{ SQUASH_ROOT, CRED_SYS, 0, 0, 65534, 65533, false, 0 },
		{ SQUASH_ROOT, CRED_SYS, 1000, 100, 1000, 100, false, 4 },
		{ SQUASH_ROOT, CRED_SYS, 1000, 0, 1000, 65533, false, 4 },
		{ SQUASH_ALL, CRED_SYS, 1000, 100, 65534, 65533, false, 0 },
		{ SQUASH_ALL, CRED_SYS, 0, 0, 65534, 65533, false, 0 },
		{ SQUASH_ADMIN, CRED_SYS, 1000, 100, 0, 0, true, 0 },
		{ SQUASH_ADMIN, CRED_NONE, 1000, 100, 65534, 65533, false, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct export_rule rule = { .hosts = "*", .squash = rows[i].squash };
		struct share_conf conf = conf_of(1, &rule);
		struct claim claim = { rows[i].flavour, rows[i].uid, rows[i].gid, 5, gids, 1 };
		struct share_rules *r = rules_new(&conf);
		struct cred *c = squash_cred(r, &r->rules[0], &claim);
		const struct cred *put = c;

		EQ(c->uid, rows[i].want_uid);
		EQ(c->gid, rows[i].want_gid);
		EQ(c->superuser, rows[i].superuser);
		EQ(c->ngids, rows[i].groups);
		FALSE(c->read_only);
		for (uint16_t k = 1; k < c->ngids; k++)
			TRUE(c->gids[k - 1] < c->gids[k]);
		if (c->ngids > 0)
			EQ(cred_in_group(c, 0), rows[i].squash == SQUASH_NONE);
		cred_put(&put);
		r->read_only = true;
		put = squash_cred(r, &r->rules[0], &claim);
		TRUE(put->read_only);
		cred_put(&put);
		rules_put(&r);
	}
}

static struct share *
share_with(uint32_t n, const struct export_rule *rules)
{
	struct share_conf conf = conf_of(n, rules);
	struct share *s = share_new(&conf);

	s->row.share = 7;
	return s;
}

CASE(a_level_is_the_users_own_then_the_highest_of_the_groups_then_the_others)
{
	static const uint32_t gids[] = { 50, 60, 70 };
	static const struct { uint8_t squash, flavour; uint32_t uid, gid; uint16_t ngids;
		bool read_only, barred;
	} rows[] = {
		{ SQUASH_ROOT, CRED_SYS, 1, 9, 0, false, false }, /* own: read-write */
		{ SQUASH_ROOT, CRED_SYS, 2, 50, 3, true,
		    true }, /* own: none, whatever groups say */
		{ SQUASH_ROOT, CRED_SYS, 3, 9, 0, true, false }, /* member of a group that reads */
		{ SQUASH_ROOT, CRED_SYS, 3, 9, 1, false, false }, /* and shows one that writes */
		{ SQUASH_ROOT, CRED_SYS, 4, 50, 0, true, true }, /* disabled */
		{ SQUASH_ROOT, CRED_SYS, 5, 60, 0, true, false },
		{ SQUASH_ROOT, CRED_SYS, 5, 9, 2, false, false },
		{ SQUASH_ROOT, CRED_SYS, 6, 9, 0, true, true }, /* one of the others */
		{ SQUASH_ROOT, CRED_SYS, 0, 0, 0, true, true }, /* root, squashed */
		{ SQUASH_NONE, CRED_SYS, 0, 0, 0, false, false }, /* root, trusted */
		{ SQUASH_NONE, CRED_NONE, 0, 0, 0, true, true },
		{ SQUASH_ALL, CRED_SYS, 1, 9, 0, false, false },
		{ SQUASH_ALL, CRED_SYS, 6, 9, 0, true, true },
		{ SQUASH_ADMIN, CRED_SYS, 6, 9, 0, true, true },
		{ SQUASH_ADMIN, CRED_SYS, 0, 9, 0, false, false },
	};
	struct export_rule rule = { .hosts = "*" };
	struct share_conf conf = conf_of(1, &rule);
	struct share_rules *r = rules_new(&conf);

	rules_gate(r, LEVEL_NONE);
	rules_grant(r, RULES_GROUP, 60, LEVEL_READ);
	rules_grant(r, RULES_MEMBER, 3, LEVEL_READ);
	rules_grant(r, RULES_MEMBER, 2, LEVEL_ADMIN);
	rules_grant(r, RULES_USER, 2, LEVEL_NONE);
	rules_grant(r, RULES_USER, 1, LEVEL_WRITE);
	rules_grant(r, RULES_MEMBER, 1, LEVEL_READ);
	rules_grant(r, RULES_USER, 4, LEVEL_ADMIN);
	rules_grant(r, RULES_DISABLED, 4, LEVEL_NONE);
	rules_grant(r, RULES_GROUP, 50, LEVEL_READ);
	rules_grant(r, RULES_GROUP, 50, LEVEL_WRITE);
	rules_seal(r);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct claim claim = { rows[i].flavour, rows[i].uid, rows[i].gid, rows[i].ngids,
			gids, 1 };
		const struct cred *c;

		rule.squash = rows[i].squash;
		c = auth_judge(r, &rule, &claim);
		if (c->read_only != rows[i].read_only || c->barred != rows[i].barred)
			check_fail(__FILE__, __LINE__, "row %zu: read_only %d, barred %d", i,
			    c->read_only, c->barred);
		cred_put(&c);
	}
	rules_put(&r);
}

CASE(a_mapped_uid_is_that_user_with_the_users_groups)
{
	static const uint32_t gids[] = { 5 };
	struct export_rule rule = { .hosts = "*", .squash = SQUASH_ROOT };
	struct share_conf conf = conf_of(1, &rule);
	struct share_rules *r = rules_new(&conf), *copy;
	struct claim claim = { CRED_SYS, 501, 20, 1, gids, 1 };
	const struct cred *c;

	rules_gate(r, LEVEL_NONE);
	rules_map(r, 502, 2002, 100);
	rules_map(r, 501, 2001, 100);
	rules_map_group(r, 501, 300);
	rules_map_group(r, 501, 200);
	rules_grant(r, RULES_USER, 2001, LEVEL_WRITE);
	rules_seal(r);
	copy = rules_copy(r);
	rules_put(&r);
	c = auth_judge(copy, &rule, &claim);
	EQ(c->uid, 2001);
	EQ(c->gid, 100);
	TRUE(cred_in_group(c, 200) && cred_in_group(c, 300));
	FALSE(cred_in_group(c, 5) || c->read_only || c->barred);
	cred_put(&c);
	claim.uid = 2001;		/* a number of ours, shown as it is */
	c = auth_judge(copy, &rule, &claim);
	EQ(c->gid, 20);
	FALSE(c->barred);
	cred_put(&c);
	rules_put(&copy);
}

CASE(creds_are_cached_by_the_whole_claim_and_bounded)
{
	static const struct export_rule rule = { .hosts = "*" };
	struct share *s = share_with(1, &rule);
	struct share_rules *r = share_rules_get(s);
	uint32_t gids[3] = { 1, 2, 3 };
	struct claim claim = { CRED_SYS, 10, 20, 3, gids, 99 };
	const struct cred *a, *b;

	cred_cache_start(64);
	a = cred_cache_get(7, cred_cache_generation(), r, 0, &claim);
	b = cred_cache_get(7, cred_cache_generation(), r, 0, &claim);
	TRUE(a == b);
	cred_put(&b);
	gids[2] = 4;			/* the same hash, another claim */
	b = cred_cache_get(7, cred_cache_generation(), r, 0, &claim);
	TRUE(a != b);
	EQ(b->gids[2], 4);
	cred_put(&b);
	gids[2] = 3;
	auth_forget(7);
	b = cred_cache_get(7, cred_cache_generation(), r, 0, &claim);
	TRUE(a != b);
	cred_put(&b);
	cred_put(&a);
	for (uint32_t i = 0; i < 1000; i++) {
		claim.uid = claim.hash = i;
		a = cred_cache_get(7, cred_cache_generation(), r, 0, &claim);
		EQ(a->uid, i == 0 ? 0 : i);
		cred_put(&a);
		TRUE(cred_cache_count() <= 64);
	}
	cred_cache_stop();
	rules_put(&r);
	share_put(&s);
	epoch_drain();
}

/* --- the stage, on a home worker --- */

static struct share *share;
static struct whence whence;
static _Atomic uint64_t over;
static const char *failure;
static uint64_t hit_ns;

#define NEED(fact) do { if (!(fact) && failure == NULL) failure = #fact; } while (0)

static struct job *
job_of(uint32_t uid)
{
	struct job *job = job_get(worker_self());

	job->whence = &whence;
	job->claim = (struct claim){ CRED_SYS, uid, uid, 0, NULL, hash_u64(uid) };
	return job;
}

static void
on_worker(struct call *call)
{
	struct job *job = job_of(5);
	uint64_t began;

	(void)call;
	NEED(auth_stage.down(job) == TURN_UP && job->status == ST_BADHANDLE);
	job->op.kind = OP_ATTACH;
	job->op.arg.attach.path = slice_str("/none");
	NEED(auth_stage.down(job) == TURN_UP && job->status == ST_NOENT);
	job->op.arg.attach.path = slice_str("/s//");
	job->status = OK;
	NEED(auth_stage.down(job) == TURN_DOWN && job->share == share && job->cred->uid == 5);
	whence.addr[15] = 9;		/* not covered; and another connection */
	whence.conn = 2;
	NEED(auth_stage.down(job) == TURN_UP && job->status == ST_ACCES && job->cred == NULL);
	whence.addr[15] = 1;
	whence.conn = 1;
	NEED(auth_stage.down(job) == TURN_DOWN && job->cred != NULL);
	job_put(&job);

	job = job_of(0);
	job->share = share_ref(share);
	NEED(auth_stage.down(job) == TURN_DOWN && job->cred->uid == 65534);
	NEED(!job->cred->superuser && job->cred->read_only);
	for (uint32_t i = 1; i < 3000; i++) {	/* more than there are slots */
		job->claim.uid = i;
		job->claim.hash = hash_u64(i);
		NEED(auth_stage.down(job) == TURN_DOWN && job->cred->uid == i);
	}
	{ /* other rules, the share serves on: none but root's attributes */
		struct share_rules *mine = rules_new(&share->conf), *old;

		rules_gate(mine, LEVEL_NONE);
		rules_seal(mine);
		old = share_rules_swap(share, mine);
		NEED(auth_stage.down(job) == TURN_DOWN);	/* kept until told */
		auth_forget(7);
		job->op.kind = OP_LOOKUP;
		NEED(auth_stage.down(job) == TURN_UP && job->status == ST_ACCES);
		job->status = OK;
		job->op.kind = OP_GETATTR;
		job->op.file.ino = INO_ROOT + 1;
		NEED(auth_stage.down(job) == TURN_UP && job->status == ST_ACCES);
		NEED(auth_stage.down(job) == TURN_UP);		/* by the slot, as well */
		job->status = OK;
		job->op.file.ino = INO_ROOT;
		NEED(auth_stage.down(job) == TURN_DOWN);
		old = (mine = share_rules_swap(share, old));
		rules_put(&old);
		auth_forget(7);
		job->op.kind = OP_LOOKUP;
		NEED(auth_stage.down(job) == TURN_DOWN);
	}
	began = clock_mono_ns();
	for (int i = 0; i < 100000; i++)
		NEED(auth_stage.down(job) == TURN_DOWN);
	hit_ns = (clock_mono_ns() - began) / 100000;
	auth_forget(7);
	NEED(auth_stage.down(job) == TURN_DOWN && job->cred->uid == 2999);
	job_put(&job);
	atomic_fetch_add(&over, 1);
}

CASE(the_stage_gives_each_claim_its_cred)
{
	static const struct export_rule rule = { .hosts = "10.0.0.1", .squash = SQUASH_ROOT,
		.read_only = true };
	struct machine_conf conf = { .workers = 1, .jobs = 8 };
	struct call call = { .run = on_worker };

	over = 0;
	failure = NULL;
	registry_start();
	machine_start(&conf);
	auth_start(128);
	share = share_with(1, &rule);
	EQ(registry_publish(share), OK);
	whence = (struct whence){ .conn = 1, .port = 900 };
	memcpy(whence.addr, addr("10.0.0.1"), 16);
	worker_call(worker_at(0), &call);
	TRUE(wait_for(&over, 1));
	EQ_STR(failure ? failure : "", "");
	machine_stop();
	auth_stop();
	registry_retire(share);
	share_put(&share);
	registry_stop();
	TRUE(hit_ns < 5000);		/* about 30; a sanitizer's build is slower */
}
