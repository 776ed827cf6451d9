/*
 * Keys from passphrases.  Making one takes most of a second and 256 MiB, so those made are kept,
 * by salt; whoever wraps uses the salt that is known for the first passphrase, or a new one.
 *
 * Form: u8 'P' | u8 version 1 | salt 16 | u32 passes | u32 KiB | envelope 76, little-endian
 */
#include "backends/keyring/keyring.h"

#include "backends/keyring/lines.h"
#include "crypto/envelope.h"
#include "crypto/secret.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>

enum {
	KIND = 'P',
	VERSION = 1,
	SALT_AT = 2,
	COST_AT = SALT_AT + PASSWORD_SALT_BYTES,
	ENVELOPE_AT = COST_AT + 8,
	WRAPPED_BYTES = ENVELOPE_AT + ENVELOPE_WRAPPED_BYTES,
	MADE_MAX = 32,
	LINE_MIN = 12
};

struct made {				/* a key, and what it was made of */
	size_t line;
	struct password_cost cost;
	uint8_t salt[PASSWORD_SALT_BYTES], key[KEYRING_KEY_BYTES];
};

struct keyring_passphrase {		/* from secret_new */
	struct keyring keyring;
	struct keyring_lines *lines;
	struct password_cost cost;
	struct mutex mutex;		/* rank STORE: those made */
	uint32_t n, next;
	struct made v[MADE_MAX];
};

static bool
same_making(const struct made *a, const struct made *b)
{
	return a->line == b->line && a->cost.passes == b->cost.passes &&
	    a->cost.memory_kib == b->cost.memory_kib &&
	    memcmp(a->salt, b->salt, sizeof a->salt) == 0;
}

static bool
find(struct keyring_passphrase *p, struct made *m)
{
	bool found = false;

	mutex_lock(&p->mutex);
	for (uint32_t i = 0; i < p->n && !found; i++)
		if ((found = same_making(&p->v[i], m)))
			memcpy(m->key, p->v[i].key, sizeof m->key);
	mutex_unlock(&p->mutex);
	return found;
}

/* The key of m's line, salt and cost. */
static enum status
make(struct keyring_passphrase *p, struct made *m)
{
	const struct keyring_line *line = &p->lines->v[m->line];

	if (find(p, m))
		return OK;
	if (password_key(line->text, line->len, &m->cost, m->salt, m->key) != 0)
		return ST_RESOURCE;
	mutex_lock(&p->mutex);
	p->v[p->n < MADE_MAX ? p->n++ : p->next++ % MADE_MAX] = *m;
	mutex_unlock(&p->mutex);
	return OK;
}

/* A salt that the first passphrase has a key for, at no less than today's cost. */
static bool
known_salt(struct keyring_passphrase *p, struct made *m)
{
	bool found = false;

	mutex_lock(&p->mutex);
	for (uint32_t i = 0; i < p->n && !found; i++) {
		found = p->v[i].line == 0 && p->v[i].cost.passes >= p->cost.passes &&
		    p->v[i].cost.memory_kib >= p->cost.memory_kib;
		if (found)
			*m = p->v[i];
	}
	mutex_unlock(&p->mutex);
	return found;
}

static struct envelope_wrapping
wrapping(const uint8_t *by, const struct keyring_bound *bound)
{
	return (struct envelope_wrapping){ .by = by, .purpose = ENVELOPE_SHARE_KEY,
		.aad = bound->bytes, .aad_len = bound->len };
}

static enum status
passphrase_wrap(struct keyring *k, const struct keyring_bound *bound,
    const uint8_t key[KEYRING_KEY_BYTES], struct keyring_wrapped *out)
{
	struct keyring_passphrase *p = container_of(k, struct keyring_passphrase, keyring);
	struct made m = { .cost = p->cost };
	struct envelope_wrapping w = wrapping(m.key, bound);
	enum status st = OK;

	if (!known_salt(p, &m)) {
		secret_random(m.salt, sizeof m.salt);
		st = make(p, &m);
	}
	if (st == OK) {
		out->bytes[0] = KIND;
		out->bytes[1] = VERSION;
		memcpy(out->bytes + SALT_AT, m.salt, sizeof m.salt);
		put_le32(out->bytes + COST_AT, m.cost.passes);
		put_le32(out->bytes + COST_AT + 4, m.cost.memory_kib);
		if (envelope_wrap(&w, key, out->bytes + ENVELOPE_AT) != 0)
			st = ST_INVAL;
		out->len = WRAPPED_BYTES;
	}
	secret_wipe(&m, sizeof m);
	return st;
}

/* What it costs to open comes from a file: bounded before any of it is spent. */
static bool
sane(const struct password_cost *cost)
{
	return cost->passes > 0 && cost->passes <= PASSWORD_PASSES_MAX && cost->memory_kib >= 8 &&
	    cost->memory_kib <= PASSWORD_MEMORY_MAX_KIB;
}

static enum status
passphrase_unwrap(struct keyring *k, const struct keyring_bound *bound,
    const struct keyring_wrapped *in, uint8_t key[KEYRING_KEY_BYTES], bool *stale, char *why,
    size_t why_cap)
{
	struct keyring_passphrase *p = container_of(k, struct keyring_passphrase, keyring);
	struct text t = text_of(why, why_cap);
	enum status st = ST_NOKEY;
	struct made m = { 0 };

	if (in->len > 0 && in->bytes[0] != KIND) {
		text_addf(&t, "its keys are not wrapped by a passphrase but by a key file: set "
		    "encryption.key_file");
		return ST_NOKEY;
	}
	if (in->len != WRAPPED_BYTES || in->bytes[1] != VERSION)
		return ST_CORRUPT;
	memcpy(m.salt, in->bytes + SALT_AT, sizeof m.salt);
	m.cost.passes = get_le32(in->bytes + COST_AT);
	m.cost.memory_kib = get_le32(in->bytes + COST_AT + 4);
	if (!sane(&m.cost))
		return ST_CORRUPT;
	for (; st == ST_NOKEY && m.line < p->lines->n; m.line++) {
		struct envelope_wrapping w = wrapping(m.key, bound);

		if ((st = make(p, &m)) == OK &&
		    envelope_unwrap(&w, in->bytes + ENVELOPE_AT, key) != 0)
			st = ST_NOKEY;
		if (st == OK)
			*stale = m.line > 0;
	}
	if (st == ST_NOKEY)
		text_addf(&t, "no passphrase opens its keys: set the one that they were made with, "
		    "behind the one for new keys where both are in a file");
	secret_wipe(&m, sizeof m);
	return st;
}

static void
passphrase_close(struct keyring *k)
{
	struct keyring_passphrase *p = container_of(k, struct keyring_passphrase, keyring);
	void *secret = p;

	keyring_lines_free(&p->lines);
	mutex_destroy(&p->mutex);
	secret_free(&secret);
}

static const struct keyring_ops ops = { "passphrase", passphrase_wrap, passphrase_unwrap,
	passphrase_close };

static enum status
long_enough(const struct keyring_lines *l, char *why, size_t why_cap)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].len < LINE_MIN) {
			snprintf(why, why_cap, "a passphrase has less than %d bytes", LINE_MIN);
			return ST_INVAL;
		}
	return OK;
}

enum status
keyring_passphrase_open(const char *path, const char *passphrase, const struct password_cost *cost,
    struct keyring **kp, char *why, size_t why_cap)
{
	struct keyring_lines *l = NULL;
	struct keyring_passphrase *p;
	enum status st = path != NULL ? keyring_lines_read(path, &l, why, why_cap) :
	    keyring_lines_of(passphrase, &l, why, why_cap);

	if (st == OK)
		st = long_enough(l, why, why_cap);
	if (st == OK && (p = secret_new(sizeof *p)) == NULL)
		st = ST_RESOURCE;
	if (st != OK) {
		keyring_lines_free(&l);
		return st;
	}
	p->keyring.ops = &ops;
	p->lines = l;
	p->cost = cost != NULL ? *cost : password_cost_passphrase;
	mutex_init(&p->mutex, RANK_STORE, 0);
	*kp = &p->keyring;
	return OK;
}
