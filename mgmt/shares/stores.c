/*
 * A table of a few.  A store that shares use does not change (the control plane sees to that), so
 * a name is enough to find it.  Opening and closing may wait: under no mutex but this room's own.
 */
#include "mgmt/shares/stores.h"

#include "mgmt/shares/keys.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORES = 256, LOOK_S = 5 };

static struct open_store {
	char name[65];
	struct block_store *store;	/* NULL: free */
	unsigned refs;
} table[STORES];
static MUTEX_STATIC(mutex, RANK_REGISTRY, 7);

static enum status
open_one(const struct store_spec *spec, struct block_store **sp, char *why, size_t why_cap)
{
	const struct block_store_conf conf = { spec->option, spec->noptions };

	why[0] = '\0';
	return block_store_open(spec->kind, &conf, sp, why, why_cap);
}

enum status
stores_take(const struct store_spec *spec, struct block_store **sp, char *why, size_t why_cap)
{
	struct open_store *free_one = NULL;
	enum status st = ST_RESOURCE;

	snprintf(why, why_cap, "too many remote stores are open");
	mutex_lock(&mutex);
	for (int i = 0; i < STORES; i++) {
		struct open_store *o = &table[i];

		if (o->store == NULL) {
			free_one = free_one == NULL ? o : free_one;
		} else if (strcmp(o->name, spec->name) == 0) {
			o->refs++;
			*sp = o->store;
			mutex_unlock(&mutex);
			return OK;
		}
	}
	if (free_one != NULL)
		st = open_one(spec, &free_one->store, why, why_cap);
	if (st == OK) {
		snprintf(free_one->name, sizeof free_one->name, "%s", spec->name);
		free_one->refs = 1;
		*sp = free_one->store;
		log_info("store.open", F_STR("store", spec->name), F_STR("kind", spec->kind));
	}
	mutex_unlock(&mutex);
	return st;
}

void
stores_drop(struct block_store **sp)
{
	struct block_store *store = TAKE(sp), *last = NULL;

	if (store == NULL)
		return;
	mutex_lock(&mutex);
	for (int i = 0; i < STORES; i++) {
		struct open_store *o = &table[i];

		if (o->store == store && --o->refs == 0) {
			last = o->store;
			*o = (struct open_store){ .refs = 0 };
		}
	}
	mutex_unlock(&mutex);
	if (last != NULL)
		last->ops->close(last);
}

void
stores_each(void (*see)(const struct stores_seen *s, void *arg), void *arg)
{
	mutex_lock(&mutex);
	for (int i = 0; i < STORES; i++) {
		const struct open_store *o = &table[i];
		struct stores_seen s = { .kind = o->store != NULL ? o->store->ops->kind : NULL,
			.shares = o->refs };

		if (o->store == NULL)
			continue;
		memcpy(s.name, o->name, sizeof s.name);
		s.gauge = &o->store->gauge;
		see(&s, arg);
	}
	mutex_unlock(&mutex);
}

/* Without what wraps their keys none of its shares opens, whatever the store can do. */
static void
look_for_keys(const struct store_spec *spec, struct block_check *check)
{
	uint64_t begun = clock_mono_ns();
	struct share_conf *conf = xcalloc(1, sizeof *conf);
	char why[400] = "";
	struct text text;
	enum status st;

	conf->encryption = SHARE_INHERIT;
	st = store_spec_inherit(spec, conf, why, sizeof why);
	if (st == OK)
		st = shares_keys_try(conf, why, sizeof why);
	*check = (struct block_check){ .what = "what wraps its shares' keys can be read",
		.finding = st == OK ? BLOCK_GOOD : BLOCK_BAD, .took_ns = clock_mono_ns() - begun };
	text = text_of(check->text, sizeof check->text);
	if (st != OK)
		text_add(&text, why[0] ? why : status_text(st));	/* cut where it is longer */
	free(conf);
}

enum status
stores_try(const struct store_spec *spec, bool whole, struct block_check check[BLOCK_CHECKS_MAX],
    unsigned *np, char *why, size_t why_cap)
{
	struct store_spec asked = *spec;
	uint64_t begun = clock_mono_ns();
	struct block_store *s;
	enum status st;

	/* What a server does with If-None-Match is for the doctor to find out. */
	if (whole && strcmp(spec->kind, "s3") == 0 && asked.noptions < STORE_SPEC_OPTIONS)
		asked.option[asked.noptions++] = (struct backends_pair){ "conditional", "true" };
	st = open_one(&asked, &s, why, why_cap);
	if (st != OK)
		return st;
	*np = 1;
	if (whole) {
		*np = block_doctor(s, check);
		if (spec->encryption != 0)
			look_for_keys(spec, &check[(*np)++]);
	} else {
		check[0] = (struct block_check){ .what = "it answers" };
		st = block_health(s, LOOK_S * NS_PER_S, check[0].text);
		check[0].finding = st == OK ? BLOCK_GOOD : BLOCK_BAD;
		if (st == OK && spec->encryption != 0)
			look_for_keys(spec, &check[0]);
		check[0].took_ns = clock_mono_ns() - begun;
	}
	s->ops->close(s);
	return OK;
}
