/*
 * Names are refused here where any kind of store could take them for something else: what is not
 * printable, and the parts "." and ".." of a path.
 */
#include "backends/block/call.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"

#include <stdatomic.h>
#include <string.h>

static bool
dots(const char *part, size_t len)
{
	return (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

static bool
name_ok(const struct block_call *call)
{
	size_t len = strnlen(call->name, sizeof call->name), part = 0;

	if (len == sizeof call->name || (len == 0 && call->kind != BLOCK_WALK))
		return false;
	for (size_t i = 0; i <= len; i++) {
		unsigned char c = (unsigned char)call->name[i];

		if (i < len && (c < ' ' || c == 0x7f))
			return false;
		if (c != '/' && i < len)
			continue;
		if (call->kind != BLOCK_WALK && dots(call->name + part, i - part))
			return false;
		part = i + 1;
	}
	return true;
}

enum status
block_call_check(const struct block_call *call)
{
	uint64_t end;

	if (!name_ok(call))
		return ST_INVAL;
	if (call->kind == BLOCK_GET && __builtin_add_overflow(call->offset, call->len, &end))
		return ST_INVAL;
	return OK;
}

const uint32_t block_gauge_ms[BLOCK_GAUGE_SLOTS - 1] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
	2000, 5000, 10000 };

void
block_call_begin(struct block_store *s, struct block_call *call)
{
	call->begun_ns = clock_mono_ns();
	atomic_fetch_add_explicit(&s->gauge.running, 1, memory_order_relaxed);
	call->status = OK;
	call->got = 0;
	call->text[0] = '\0';
	while (call->request == 0)
		call->request = rand_u64();
}

static void
count(_Atomic uint64_t *n, uint64_t by)
{
	atomic_fetch_add_explicit(n, by, memory_order_relaxed);
}

void
block_call_end(struct block_store *s, struct block_call *call)
{
	struct block_gauge *g = &s->gauge;
	enum status st = call->status;
	uint64_t took = clock_mono_ns() - call->begun_ns;
	unsigned kind = call->kind, slot = 0;

	if (kind < BLOCK_KINDS) {
		while (slot < BLOCK_GAUGE_SLOTS - 1 && took > block_gauge_ms[slot] * NS_PER_MS)
			slot++;
		count(&g->calls[kind], 1);
		count(&g->failed[kind],
		    st != OK && st != ST_NOENT && st != ST_EXIST && st != ST_CANCELED);
		if (st == OK && (kind == BLOCK_PUT || kind == BLOCK_GET))
			count(&g->bytes[kind], kind == BLOCK_PUT ? call->body.len : call->got);
		count(&g->ns[kind], took);
		count(&g->slot[kind][slot], 1);
	}
	atomic_fetch_sub_explicit(&g->running, 1, memory_order_relaxed);
	call->done(call);
}

void
block_gauge_read(const struct block_gauge *from, struct block_gauge *to)
{
	const _Atomic uint64_t *f = (const _Atomic uint64_t *)from;
	_Atomic uint64_t *t = (_Atomic uint64_t *)to;

	_Static_assert(sizeof *from % sizeof *f == 0, "figures and nothing else");
	for (size_t i = 0; i < sizeof *from / sizeof *f; i++)
		atomic_store_explicit(&t[i], atomic_load_explicit(&f[i], memory_order_relaxed),
		    memory_order_relaxed);
}

uint32_t
block_gauge_within_ms(const struct block_gauge *g, enum block_call_kind kind, unsigned percent)
{
	uint64_t all = 0, sum = 0;

	for (int i = 0; i < BLOCK_GAUGE_SLOTS; i++)
		all += g->slot[kind][i];
	for (int i = 0; i < BLOCK_GAUGE_SLOTS - 1; i++) {
		sum += g->slot[kind][i];
		if (all > 0 && sum * 100 >= all * percent)
			return block_gauge_ms[i];
	}
	return all > 0 ? UINT32_MAX : 0;
}

uint64_t
block_call_wanted(const struct block_call *call, uint64_t size)
{
	uint64_t left = call->offset < size ? size - call->offset : 0;

	return call->len != 0 && call->len < left ? call->len : left;
}
