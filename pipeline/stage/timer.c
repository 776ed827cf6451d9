/*
 * A hashed wheel: a timer hangs in the slot of its tick, modulo the wheel; what hangs there for a
 * later round is passed over.  A bit a slot says where anything may hang, so that the worker
 * finds its next waking time without looking at empty lists; a cancelled timer leaves its bit
 * behind, which costs one idle look.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/clock.h"

void
timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	list_init(&t->link);
	t->when_ns = 0;
	t->fire = fire;
}

/* A time is due in the tick that begins at or after it, never early. */
static uint64_t
tick_of(uint64_t ns)
{
	return ns / TICK_NS + (ns % TICK_NS != 0);
}

void
timer_set(struct worker *w, struct timer *t, uint64_t when_ns)
{
	struct wheel *wheel = &w->wheel;
	uint64_t tick = tick_of(when_ns);
	uint32_t slot;

	if (tick < wheel->tick)
		tick = wheel->tick;
	slot = tick % WHEEL_SLOTS;
	list_remove(&t->link);
	t->when_ns = when_ns;
	list_push_back(&wheel->slots[slot], &t->link);
	wheel->filled[slot / 64] |= 1ull << slot % 64;
}

void
timer_cancel(struct timer *t)
{
	list_remove(&t->link);
}

void
wheel_init(struct wheel *wheel, uint64_t now_ns)
{
	for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
		list_init(&wheel->slots[i]);
	for (size_t i = 0; i < ARRAY_LEN(wheel->filled); i++)
		wheel->filled[i] = 0;
	wheel->tick = now_ns / TICK_NS;
}

/* Take the slot off first: what fires may set timers that hang in the very same slot. */
static void
fire_slot(struct wheel *wheel, uint32_t slot, uint64_t tick)
{
	struct list due, *l;

	list_init(&due);
	list_splice_back(&due, &wheel->slots[slot]);
	wheel->filled[slot / 64] &= ~(1ull << slot % 64);
	while ((l = list_pop_front(&due)) != NULL) {
		struct timer *t = container_of(l, struct timer, link);

		if (tick_of(t->when_ns) <= tick) {
			t->fire(t);
			continue;
		}
		list_push_back(&wheel->slots[slot], &t->link);
		wheel->filled[slot / 64] |= 1ull << slot % 64;
	}
}

/* After a long sleep every slot is looked at once, not every tick that has passed. */
void
wheel_turn(struct worker *w)
{
	struct wheel *wheel = &w->wheel;
	uint64_t now = w->now_ns / TICK_NS, from = wheel->tick;

	if (now < from)
		return;
	if (now - from >= WHEEL_SLOTS)
		from = now - WHEEL_SLOTS + 1;
	wheel->tick = now + 1;
	for (; from <= now; from++) {
		uint32_t slot = from % WHEEL_SLOTS;

		if (wheel->filled[slot / 64] & 1ull << slot % 64)
			fire_slot(wheel, slot, now);
	}
}

int
wheel_wait_ms(const struct worker *w)
{
	const struct wheel *wheel = &w->wheel;
	uint32_t first = wheel->tick % WHEEL_SLOTS;

	for (uint32_t i = 0; i < WHEEL_SLOTS; i++) {
		uint32_t slot = (first + i) % WHEEL_SLOTS;
		uint64_t due;

		if (slot % 64 == 0 && wheel->filled[slot / 64] == 0) {
			i += 63;
			continue;
		}
		if (!(wheel->filled[slot / 64] & 1ull << slot % 64))
			continue;
		due = (wheel->tick + i) * TICK_NS;
		if (due <= w->now_ns)
			return 0;
		return (int)((due - w->now_ns + NS_PER_MS - 1) / NS_PER_MS);
	}
	return -1;
}
