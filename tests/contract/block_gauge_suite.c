/* A store counts what it is asked, and how long that takes. */
#include "backends/block/call.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <string.h>

static void
ask(struct block_store *s, enum block_call_kind kind, const char *name, const char *bytes,
    uint64_t offset, uint64_t len, enum status wanted)
{
	uint8_t room[16];
	struct waiter w;

	waiter_init(&w, kind, name);
	if (kind == BLOCK_PUT)
		waiter_body(&w, bytes, strlen(bytes));
	w.call.offset = offset;
	w.call.len = len;
	w.call.into = room;
	w.call.into_cap = sizeof room;
	EQ(waiter_run(s, &w), wanted);
	waiter_drop(&w);
}

CASE(a_store_knows_what_it_was_asked)
{
	struct block_store *s = block_factory.open("gauge");
	struct block_gauge g;
	uint64_t slots = 0;

	ask(s, BLOCK_PUT, "x", "12345", 0, 0, OK);
	ask(s, BLOCK_GET, "x", "", 1, 3, OK);
	ask(s, BLOCK_GET, "none", "", 0, 0, ST_NOENT);
	ask(s, BLOCK_HEAD, "none", "", 0, 0, ST_NOENT);
	ask(s, BLOCK_DEL, "x", "", 0, 0, OK);
	ask(s, BLOCK_HEAD, "a/../b", "", 0, 0, ST_INVAL);
	block_gauge_read(&s->gauge, &g);
	EQ(g.calls[BLOCK_PUT], 1);
	EQ(g.bytes[BLOCK_PUT], 5);
	EQ(g.calls[BLOCK_GET], 2);
	EQ(g.bytes[BLOCK_GET], 3);
	EQ(g.failed[BLOCK_GET], 0);		/* that there is none is an answer */
	EQ(g.calls[BLOCK_HEAD], 2);
	EQ(g.failed[BLOCK_HEAD], 1);
	EQ(g.calls[BLOCK_DEL], 1);
	EQ(g.calls[BLOCK_WALK] + g.running, 0);
	for (int i = 0; i < BLOCK_GAUGE_SLOTS; i++)
		slots += g.slot[BLOCK_GET][i];
	EQ(slots, 2);
	TRUE(g.ns[BLOCK_PUT] > 0);
	TRUE(block_gauge_within_ms(&g, BLOCK_PUT, 50) >= 1);
	EQ(block_gauge_within_ms(&g, BLOCK_WALK, 50), 0);
	s->ops->close(s);
}
