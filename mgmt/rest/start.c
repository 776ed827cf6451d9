/*
 * Starting and stopping: database, first administrator, key of tokens, shares, adapters, server.
 */
#include "mgmt/rest/guard.h"

#include "crypto/password.h"
#include "crypto/secret.h"
#include "mgmt/rest/live.h"
#include "mgmt/rest/seal.h"
#include "mgmt/rest/server.h"
#include "mgmt/shares/down.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MIN = 32, PASSWORD_MADE = 20, FIRST_MIN = 8, FIRST_MAX = 128 };

struct rest_state rest_state;

/* Letters and digits that are not mistaken for each other. */
static void
make_word(char *to, size_t len)
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	uint8_t byte;

	for (size_t i = 0; i < len;) {
		rand_bytes(&byte, 1);
		if (byte >= 256 - 256 % (sizeof set - 1))
			continue;	/* every letter as likely as any other */
		to[i++] = set[byte % (sizeof set - 1)];
	}
	to[len] = '\0';
}

static enum status
seed(struct db_conn *c, struct rest_started *out, char *why, size_t why_cap)
{
	const struct rest_conf *conf = &rest_state.conf;
	const char *password = conf->admin_password;
	bool given = password != NULL && password[0] != '\0';
	char hash[PASSWORD_HASH_BYTES];
	enum status st;

	if (given && (strlen(password) < FIRST_MIN || strlen(password) > FIRST_MAX)) {
		snprintf(why, why_cap, "DITTOFS_ADMIN_INITIAL_PASSWORD must be of 8 to 128 bytes");
		return ST_INVAL;
	}
	if (!given) {
		make_word(out->admin_password, PASSWORD_MADE);
		password = out->admin_password;
	}
	if (password_hash(password, strlen(password), &password_cost_login, hash) != 0) {
		snprintf(why, why_cap, "no memory to hash the first password");
		return ST_RESOURCE;
	}
	st = db_seed(c, &(struct db_first){ hash, !given && conf->require_change, conf->nfs_listens,
		conf->nfs_port });
	if (st != OK)
		snprintf(why, why_cap, "cannot make the first administrator: %s", status_text(st));
	return st;
}

static enum status
token_key(struct db_conn *c, char *why, size_t why_cap)
{
	const char *given = rest_state.conf.jwt_secret;
	char make[65];
	enum status st;

	if (given != NULL && given[0] != '\0') {
		if (strlen(given) < SECRET_MIN || strlen(given) >= sizeof rest_state.jwt_key) {
			snprintf(why, why_cap,
			    "controlplane.jwt.secret must be of 32 to 255 bytes");
			return ST_INVAL;
		}
		snprintf(rest_state.jwt_key, sizeof rest_state.jwt_key, "%s", given);
		return OK;
	}
	make_word(make, sizeof make - 1);
	st = db_secret(c, "jwt", make, rest_state.jwt_key, sizeof rest_state.jwt_key);
	secret_wipe(make, sizeof make);
	if (st != OK)
		snprintf(why, why_cap, "cannot keep the key of tokens: %s", status_text(st));
	return st;
}

static enum status
first(struct rest_started *out, char *why, size_t why_cap)
{
	struct db_conn *c;
	bool fresh = false;
	enum status st = db_begin(rest_state.db, true, &c), ended;

	if (st != OK) {
		snprintf(why, why_cap, "the control database is in use by another process");
		return st;
	}
	st = db_is_fresh(c, &fresh);
	if (st == OK && fresh)
		st = seed(c, out, why, why_cap);
	if (st == OK)
		st = token_key(c, why, why_cap);
	ended = db_end(&c, st == OK);
	if (st == OK && ended != OK)
		snprintf(why, why_cap, "the control database: %s", status_text(ended));
	return st != OK ? st : ended;
}

static enum status
boot(struct rest_started *out, char *why, size_t why_cap)
{
	enum status st = rest_settings_boot();

	if (st == OK)
		st = rest_tuning_boot();
	if (st == OK)
		st = rest_live_boot(&out->shares);
	if (st == OK)
		st = rest_state.conf.nfs_listens ? rest_adapters_note() : rest_adapters_boot();
	if (st != OK)
		snprintf(why, why_cap, "the control database: %s", status_text(st));
	return st;
}

enum status
rest_start(const struct rest_conf *conf, struct rest_started *out, char *why, size_t why_cap)
{
	enum status st;

	assert(rest_state.db == NULL);
	*out = (struct rest_started){ .port = 0 };
	rest_state = (struct rest_state){ .conf = *conf,
		.started_wall_s = clock_wall_ns() / NS_PER_S };
	rest_limit_start();
	rest_known_start();
	why[0] = '\0';
	st = db_open(conf->db_path, &rest_state.db, why, why_cap);
	if (st != OK)
		return st;
	rest_state.openapi = rest_openapi_make();
	st = rest_seal_start(conf->state_dir, why, why_cap);
	if (st == OK)
		st = first(out, why, why_cap);
	if (st == OK)
		st = boot(out, why, why_cap);
	if (st == OK)
		st = rest_server_start(conf, &out->port, why, why_cap);
	if (st != OK)
		rest_stop();
	return st;
}

void
rest_stop(void)
{
	if (rest_state.db == NULL)
		return;
	rest_server_stop();
	rest_lists_drop();
	shares_down_clear();
	db_close(&rest_state.db);
	free(rest_state.openapi);
	secret_wipe(rest_state.jwt_key, sizeof rest_state.jwt_key);
	rest_seal_stop();
	rest_state = (struct rest_state){ .db = NULL };
}
