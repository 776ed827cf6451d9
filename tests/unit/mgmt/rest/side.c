#include "tests/unit/mgmt/rest/side.h"

#include "backends/block/call.h"
#include "backends/block/doctor.h"
#include "mgmt/shares/spec.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/model/share_conf.h"
#include "pipeline/sync/sync.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

struct side side;
static struct answer last;
static char db_path[400];
static uint64_t skipped_ns;

/* --- time --- */

static const struct clock_ops *real;

static uint64_t
mono(void)
{
	return real->mono_ns() + skipped_ns;
}

static uint64_t
wall(void)
{
	return real->wall_ns() + skipped_ns;
}

static const struct clock_ops shifted = { mono, wall };

void
side_later(uint64_t seconds)
{
	skipped_ns += seconds * NS_PER_S;
}

/* --- the house --- */

int
side_at(const char *name)
{
	for (int i = 0; i < SIDE_SHARES; i++)
		if (strcmp(side.open[i], name) == 0)
			return i;
	return -1;
}

bool
side_shares(const char *name)
{
	return side_at(name) >= 0;
}

static enum status
share_open(const struct share_conf *conf, struct share_rules *rules,
    const struct store_spec *remote, char *why, size_t cap)
{
	int at = side_at("");

	side.remote[0] = '\0';
	for (uint32_t i = 0; remote != NULL && i < remote->noptions; i++) {
		size_t len = strlen(side.remote);

		snprintf(side.remote + len, sizeof side.remote - len, "%s=%s;",
		    remote->option[i].key, remote->option[i].value);
	}

	rules_put(&side.last);
	side.last = rules;
	if (side.refuse_open || at < 0) {
		side.refuse_open = false;
		snprintf(why, cap, "the disk says no");
		return ST_IO;
	}
	if (side_shares(conf->name))
		return ST_EXIST;
	snprintf(side.open[at], sizeof side.open[at], "%s", conf->name);
	side.read_only[at] = conf->read_only;
	side.nrules[at] = conf->nrules;
	side.tuning[at] = share_tuning_of(conf);
	return OK;
}

static enum status
share_close(const char *name)
{
	int at = side_at(name);

	if (at < 0)
		return ST_NOENT;
	side.open[at][0] = '\0';
	return OK;
}

/* What was given is kept, so that a test can ask it. */
static struct share_rules *
share_rules(const char *name, struct share_rules *rules)
{
	struct share_rules *old = side.last;
	int at = side_at(name);

	if (at < 0) {
		rules_put(&rules);
		return NULL;
	}
	side.swaps++;
	side.last = rules;
	side.nrules[at] = rules->nrules;
	side.read_only[at] = rules->read_only;
	return old;
}

/* The first time; after that it says that there is no key. */
static void
share_tune(const char *name, const struct share_tuning *now, struct share_tuning *old)
{
	int at = side_at(name);

	if (at < 0)
		return;
	if (old != NULL)
		*old = side.tuning[at];
	side.tuning[at] = *now;
}

static enum status
share_rotate(const char *name, uint32_t *version, char *why, size_t cap)
{
	static uint32_t turns;

	if (!side_shares(name))
		return ST_NOENT;
	if (turns++ > 0) {
		snprintf(why, cap, "it does not encrypt");
		return ST_INVAL;
	}
	*version = 2;
	return OK;
}

static bool
store_gauge(const char *name, unsigned *shares, struct block_gauge *out)
{
	if (strcmp(name, "near") != 0)
		return false;
	*shares = 2;
	out->calls[BLOCK_GET] = 100;
	out->failed[BLOCK_GET] = 1;
	out->bytes[BLOCK_GET] = 12345;
	out->ns[BLOCK_GET] = 100 * 7000000ull;
	out->slot[BLOCK_GET][3] = 98;		/* ≤ 10 ms */
	out->slot[BLOCK_GET][BLOCK_GAUGE_SLOTS - 1] = 2;
	out->again = 4;
	return true;
}

static enum status
share_rewrap(const char *name, uint32_t *rewrapped, uint32_t *keys, char *why, size_t cap)
{
	(void)why, (void)cap;
	if (!side_shares(name))
		return ST_NOENT;
	*rewrapped = 1;
	*keys = 2;
	return OK;
}

static void
share_look(const char *name, struct rest_share_state *s)
{
	*s = (struct rest_share_state){ .open = side_shares(name), .well = true,
		.used_bytes = side.used_bytes ? side.used_bytes : 42, .files = 7 };
}

static enum status
adapter_set(const char *type, bool on, uint16_t port, char *why, size_t cap)
{
	(void)type;
	if (on && port == side.refuse_port && port != 0) {
		snprintf(why, cap, "the port is taken");
		return ST_BUSY;
	}
	side.nfs = on;
	side.nfs_port = port;
	return OK;
}

static bool
adapter_runs(const char *type)
{
	return strcmp(type, "nfs") == 0 && side.nfs;
}

static bool
share_blocks(const char *name, enum blocks_do what, struct sync_remote *out)
{
	*out = (struct sync_remote){ .has = true,
		.drained = what == BLOCKS_LOOK,
		.away = true,
		.away_ms = 5000,
		.pending = 3,
		.pending_bytes = 77,
		.text = "peer not reachable" };
	return side_shares(name);
}

static enum status
share_warm(const char *name, enum warm_do what, const char *path, struct sync_warm *out)
{
	*out = (struct sync_warm){ .id = 1,
		.state = what == WARM_DO_CANCEL ? WARM_CANCELED : WARM_RUNS,
		.containers = 9,
		.done = 4,
		.bytes = 77,
		.started_s = 1700000000,
		.text = "given up" };
	snprintf(out->path, sizeof out->path, "%s", path);
	return side_shares(name) ? OK : ST_NOENT;
}

static bool
share_compact(const char *name, enum compact_do what, struct sync_compaction *out)
{
	*out = (struct sync_compaction){ .asked = what != COMPACT_LOOK, .running = true,
		.old_keys = what == COMPACT_OLD_KEYS, .from = 10, .at = 30, .end = 50, .emptied = 3,
		.left = 2, .read_bytes = 99, .written_bytes = 77, .waits = "room on the disk" };
	return side_shares(name);
}

static void
drain(void (*see)(const char *name, const struct sync_remote *r, void *arg), void *arg)
{
	struct sync_remote r;

	for (int i = 0; i < SIDE_SHARES; i++)
		if (side.open[i][0] != '\0' && share_blocks(side.open[i], BLOCKS_PUSH, &r))
			see(side.open[i], &r, arg);
}

/* Good where it is said to be, else as a store that is away. */
static enum status
store_try(const struct store_spec *spec, bool whole, struct block_check *check, unsigned *np,
    char *why, size_t cap)
{
	(void)why, (void)cap;
	*np = whole ? 2 : 1;
	check[0] = (struct block_check){ .what = "reached" };
	check[1] = (struct block_check){ .what = "put", .finding = BLOCK_MISSING };
	if (strcmp(spec->name, "away") != 0)
		return OK;
	check[0].finding = BLOCK_BAD;
	snprintf(check[0].text, sizeof check[0].text, "peer not reachable");
	*np = 1;
	return OK;
}

static enum status
adapter_tune(const char *type, const char *name, const char *value, char *why, size_t cap)
{
	(void)type;
	if (strcmp(name, "max_connections") == 0 && strcmp(value, "5000") == 0) {
		snprintf(why, cap, "no room for so many");
		return ST_INVAL;
	}
	snprintf(side.tuned, sizeof side.tuned, "%s=%s", name, value);
	side.tunes++;
	return OK;
}

static bool
share_scrub(const char *name, enum scrub_do what, struct sync_scrub *out)
{
	(void)name;
	*out = (struct sync_scrub){ .state = what == SCRUB_LOOK ? SCRUB_DONE : SCRUB_RUNS,
		.remote = what == SCRUB_BEGIN_REMOTE, .containers = 7 };
	return true;
}

static uint32_t
clients(struct rest_client *to, uint32_t most)
{
	if (most == 0)
		return 0;
	to[0] = (struct rest_client){ .address = "192.0.2.9", .protocol = "nfs", .connections = 2,
		.since_s = 1000, .last_s = 2000, .requests = 77, .version = 3, .uid = 1000 };
	return 1;
}

static uint32_t
mounts(struct rest_mount *to, uint32_t most)
{
	if (most == 0)
		return 0;
	to[0] = (struct rest_mount){ .address = "192.0.2.9", .path = "/export/sub", .at_s = 1500 };
	return 1;
}

static uint32_t
disconnect(const char *address)
{
	return strcmp(address, "192.0.2.9") == 0 ? 2 : 0;
}

static enum status
explain(const struct rest_explain *ask, struct rest_explained *out)
{
	*out = (struct rest_explained){ .reached = true, .access = 5, .lines = 1 };
	snprintf(out->line[0], sizeof out->line[0], "%.99s|%.99s|%u:%u+%u", ask->share, ask->rest,
	    ask->uid, ask->gid, ask->ngids);
	return OK;
}

static void
metrics(struct text *page)
{
	text_add(page, "dittofs_up 1\n");
}

static const struct rest_house house = { share_open, share_close, share_rules, share_tune,
	share_rotate, share_look, adapter_set, adapter_runs, share_blocks, share_warm, share_scrub,
	share_compact, drain, store_try, adapter_tune, clients, mounts, disconnect, explain,
	metrics, .share_rewrap = share_rewrap, .store_gauge = store_gauge };

/* --- start --- */

static struct rest_started
start(const char *password)
{
	struct rest_conf conf = { .host = "127.0.0.1", .db_path = db_path,
		.state_dir = check_tmpdir(), .jwt_secret = "", .access_s = 900, .refresh_s = 604800,
		.admin_password = password, .require_change = true, .nfs_port = 12049,
		.house = &house };
	struct rest_started out;
	char why[300] = "";

	if (real == NULL) {
		real = clock_now_ops;
		clock_now_ops = &shifted;
	}
	if (rest_start(&conf, &out, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "rest_start: %s", why);
	side.port = out.port;
	return out;
}

struct rest_started
side_start(const char *password)
{
	static int n;

	side_stop();
	rules_put(&side.last);
	side = (struct side){ .port = 0 };
	snprintf(db_path, sizeof db_path, "%s/rest%d.db", check_tmpdir(), n++);
	return start(password);
}

void
side_restart(void)
{
	rest_stop();
	rules_put(&side.last);
	side = (struct side){ .port = 0 };
	start(NULL);
}

void
side_stop(void)
{
	rest_stop();
	rules_put(&side.last);
	rest_json_free(last.json);
	rest_reply_free(&last.re);
	last = (struct answer){ .code = 0 };
}

/* --- asking --- */

struct answer *
side_ask_if(const char *method, const char *path, const char *token, const char *body,
    const char *if_match)
{
	char target[1000], bearer[REST_TOKEN_ROOM], *query;
	struct rest_request rq = { .method = method, .peer = "192.0.2.1", .query = "", .body = body,
		.body_len = body != NULL ? strlen(body) : 0, .if_match = if_match };
	char why[100];

	snprintf(target, sizeof target, "%s", path);
	query = strchr(target, '?');
	if (query != NULL) {
		*query++ = '\0';
		rq.query = query;
	}
	rq.path = target;
	if (token != NULL) {
		snprintf(bearer, sizeof bearer, "Bearer %s", token);
		rq.authorization = bearer;
	}
	rest_json_free(last.json);
	rest_reply_free(&last.re);
	rest_answer(&rq, &last.re);
	last.code = last.re.code;
	last.json = last.re.body == NULL ? NULL :
	    rest_json_parse(last.re.body, last.re.len, why, sizeof why);
	return &last;
}

struct answer *
side_ask(const char *method, const char *path, const char *token, const char *body)
{
	return side_ask_if(method, path, token, body, NULL);
}

const char *
side_str(const struct answer *a, const char *key)
{
	const char *s = a->json != NULL ? rest_json_get_str(a->json, key) : NULL;

	return s != NULL ? s : "";
}

int64_t
side_int(const struct answer *a, const char *key)
{
	const struct rest_json *j = a->json != NULL ? rest_json_get(a->json, key) : NULL;

	return j != NULL ? rest_json_int(j) : -1;
}

const char *
side_login(const char *user, const char *password, const char **refreshp)
{
	static char tokens[8][2][REST_TOKEN_ROOM];
	static int next;
	char body[300];
	struct answer *a;
	int at = next++ % 8;

	snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", user, password);
	side_later(5);			/* for the limits of attempts */
	a = side_ask("POST", "/api/v1/auth/login", NULL, body);
	if (a->code != 200)
		check_fail(__FILE__, __LINE__, "login of %s: %d %s", user, a->code,
		    side_str(a, "detail"));
	snprintf(tokens[at][0], sizeof tokens[at][0], "%s", side_str(a, "access_token"));
	snprintf(tokens[at][1], sizeof tokens[at][1], "%s", side_str(a, "refresh_token"));
	if (refreshp != NULL)
		*refreshp = tokens[at][1];
	return tokens[at][0];
}
