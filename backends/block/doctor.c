/*
 * Each check is one call or two, in an order in which the first that fails names the cause.
 */
#include "backends/block/doctor.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE = 65 << 20, CALL_S = 20, SMALL = 16 };

static const char small[SMALL + 1] = "0123456789abcdef";

struct exam {
	struct block_store *store;
	struct block_call call;
	struct mutex mutex;
	struct cond over;
	bool done, seen;
	char name[48];
	uint8_t into[64];
	struct block_check *check;
};

static void
note_done(struct block_call *call)
{
	struct exam *x = container_of(call, struct exam, call);

	mutex_lock(&x->mutex);
	x->done = true;
	cond_broadcast(&x->over);
	mutex_unlock(&x->mutex);
}

static bool
note_name(struct block_call *call, const char *name, uint64_t size)
{
	struct exam *x = container_of(call, struct exam, call);

	x->seen |= strcmp(name, x->name) == 0 && size == SMALL;
	return true;
}

static void
call_init(struct exam *x, enum block_call_kind kind)
{
	struct text name;

	x->call = (struct block_call){ .kind = kind, .each = note_name, .done = note_done,
		.into = x->into, .into_cap = sizeof x->into };
	name = text_of(x->call.name, sizeof x->call.name);
	text_add(&name, x->name);
	chain_init(&x->call.body);
}

static enum status
ask(struct exam *x, uint64_t wait_ns)
{
	x->done = false;
	x->call.deadline_ns = clock_mono_ns() + wait_ns;
	x->store->ops->start(x->store, &x->call);
	mutex_lock(&x->mutex);
	while (!x->done)
		cond_wait(&x->over, &x->mutex);
	mutex_unlock(&x->mutex);
	chain_clear(&x->call.body);
	return x->call.status;
}

static bool
note(struct exam *x, enum block_finding finding, const char *text)
{
	struct text t = text_of(x->check->text, sizeof x->check->text);

	x->check->finding = finding;
	text_add(&t, finding == BLOCK_GOOD ? "" : text);
	return finding == BLOCK_GOOD;
}

static bool
plain(struct exam *x, enum status want)
{
	enum status st = ask(x, CALL_S * NS_PER_S);

	if (st == want)
		return note(x, BLOCK_GOOD, "");
	return note(x, BLOCK_BAD, st == OK ? "it is there though it was deleted" :
	    x->call.text[0] != '\0' ? x->call.text : status_text(st));
}

/* --- the checks --- */

static bool
check_walk(struct exam *x)
{
	call_init(x, BLOCK_WALK);
	return plain(x, OK);
}

static bool
check_put(struct exam *x)
{
	call_init(x, BLOCK_PUT);
	if (chain_push(&x->call.body, NULL, slice_of(small, SMALL)) != OK)
		panic("one slice does not fit into a chain");
	return plain(x, OK);
}

static bool
check_head(struct exam *x)
{
	call_init(x, BLOCK_HEAD);
	return plain(x, OK) &&
	    (x->call.got == SMALL || note(x, BLOCK_BAD, "it tells a wrong size"));
}

static bool
check_get(struct exam *x)
{
	call_init(x, BLOCK_GET);
	if (!plain(x, OK))
		return false;
	if (x->call.got != SMALL || memcmp(x->into, small, SMALL) != 0)
		return note(x, BLOCK_BAD, "what comes back is not what was put");
	x->call.offset = 3;
	x->call.len = 4;
	if (!plain(x, OK))
		return false;
	return (x->call.got == 4 && memcmp(x->into, small + 3, 4) == 0) ||
	    note(x, BLOCK_BAD, "a range is not the bytes asked for");
}

static bool
check_listed(struct exam *x)
{
	x->seen = false;
	call_init(x, BLOCK_WALK);
	return plain(x, OK) &&
	    (x->seen || note(x, BLOCK_BAD, "what was put is not listed at once"));
}

static bool
check_conditional(struct exam *x)
{
	call_init(x, BLOCK_PUT);
	x->call.if_absent = true;
	if (chain_push(&x->call.body, NULL, slice_of(small, SMALL)) != OK)
		panic("one slice does not fit into a chain");
	switch (ask(x, CALL_S * NS_PER_S)) {
	case ST_EXIST:
		return note(x, BLOCK_GOOD, "");
	case OK:
		note(x, BLOCK_MISSING, "a name that is taken is put over all the same");
		return true;
	default:
		note(x, BLOCK_MISSING, x->call.text);
		return true;
	}
}

static bool
check_large(struct exam *x)
{
	uint8_t *bytes = xcalloc(1, LARGE);

	call_init(x, BLOCK_PUT);
	if (chain_push(&x->call.body, NULL, slice_of(bytes, LARGE)) != OK)
		panic("one slice does not fit into a chain");
	if (ask(x, CALL_S * NS_PER_S) == OK)
		note(x, BLOCK_GOOD, "");
	else
		note(x, BLOCK_MISSING, x->call.text);
	free(bytes);
	return true;
}

static bool
check_del(struct exam *x)
{
	call_init(x, BLOCK_DEL);
	return plain(x, OK);
}

static bool
check_gone(struct exam *x)
{
	call_init(x, BLOCK_HEAD);
	return plain(x, ST_NOENT);
}

static const struct {
	const char *what;
	bool (*run)(struct exam *x);	/* false: no use going on */
} checks[BLOCK_DOCTOR_CHECKS] = {
	{ "reached, allowed to list", check_walk },
	{ "an object is put", check_put },
	{ "its size is told", check_head },
	{ "it comes back, whole and by range", check_get },
	{ "it is listed", check_listed },
	{ "a taken name is refused (If-None-Match)", check_conditional },
	{ "a large object is put, in parts", check_large },
	{ "it is deleted", check_del },
	{ "and then is gone", check_gone },
};

static void
exam_begin(struct exam *x, struct block_store *s)
{
	struct text name;

	*x = (struct exam){ .store = s };
	name = text_of(x->name, sizeof x->name);
	text_addf(&name, "doctor/%016llx", (unsigned long long)rand_u64());
	mutex_init(&x->mutex, RANK_TABLE, 2);
	cond_init(&x->over);
}

static void
exam_end(struct exam *x)
{
	mutex_destroy(&x->mutex);
	cond_destroy(&x->over);
}

unsigned
block_doctor(struct block_store *s, struct block_check check[BLOCK_DOCTOR_CHECKS])
{
	struct exam x;
	unsigned n;
	bool on = true;

	exam_begin(&x, s);
	for (n = 0; n < BLOCK_DOCTOR_CHECKS && on; n++) {
		uint64_t begun = clock_mono_ns();

		check[n] = (struct block_check){ .what = checks[n].what };
		x.check = &check[n];
		on = checks[n].run(&x);
		check[n].took_ns = clock_mono_ns() - begun;
	}
	if (!on) {
		call_init(&x, BLOCK_DEL);
		(void)ask(&x, CALL_S * NS_PER_S);
	}
	exam_end(&x);
	return n;
}

enum status
block_health(struct block_store *s, uint64_t wait_ns, char text[160])
{
	struct text t = text_of(text, 160);
	struct exam x;
	enum status st;

	exam_begin(&x, s);
	call_init(&x, BLOCK_HEAD);
	st = ask(&x, wait_ns);
	text_add(&t, st == OK || st == ST_NOENT ? "" :
	    x.call.text[0] != '\0' ? x.call.text : status_text(st));
	exam_end(&x);
	return st == ST_NOENT ? OK : st;
}
