/*
 * The interval map against a model that knows, for every byte, which value lies there
 * and which byte of the value it is.
 */
#include "pipeline/base/interval.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>

enum { SPACE = 200, VALUES = 8, ROUNDS = 4000 };

static struct value {
	long cited;
	long keeps, drops;
} values[VALUES];

static void
keep(void *v)
{
	((struct value *)v)->cited++;
	((struct value *)v)->keeps++;
}

static void
drop(void *v)
{
	((struct value *)v)->cited--;
	((struct value *)v)->drops++;
}

static struct cell {
	struct value *v;
	bool set;
	uint64_t byte;			/* of the value */
} model[SPACE];

static void
compare(const struct interval_map *m)
{
	long cited[VALUES] = { 0 };
	struct interval i = { 0 };
	size_t ranges = 0;
	uint64_t at = 0, last_to = 0;

	while (interval_next(m, at, &i)) {
		TRUE(i.from < i.to && i.from >= last_to && i.to <= SPACE);
		for (uint64_t b = last_to; b < i.from; b++)
			FALSE(model[b].set);
		for (uint64_t b = i.from; b < i.to; b++) {
			TRUE(model[b].set && model[b].v == i.value);
			EQ(i.skew + (b - i.from), model[b].byte);
		}
		if (i.value != NULL)
			cited[(struct value *)i.value - values]++;
		at = last_to = i.to;
		ranges++;
	}
	for (uint64_t b = last_to; b < SPACE; b++)
		FALSE(model[b].set);
	EQ(interval_map_count(m), ranges);
	for (int v = 0; v < VALUES; v++)
		EQ(values[v].cited, cited[v]);
}

static void
ask(const struct interval_map *m, uint64_t at)
{
	struct interval next = { 0 }, prev = { 0 };
	bool has_next = interval_next(m, at, &next);
	bool has_prev = interval_prev(m, at, &prev);
	uint64_t b;

	for (b = at; b < SPACE && !model[b].set; b++)
		;
	EQ(has_next, b < SPACE);
	if (has_next)
		TRUE(next.from <= b && b < next.to);
	for (b = at; b > 0 && !model[b - 1].set; b--)
		;
	EQ(has_prev, b > 0);
	if (has_prev)
		TRUE(prev.from < b && b <= MAX(prev.to, at));
}

CASE(an_interval_map_agrees_with_a_model_of_every_byte)
{
	struct interval_map *m = interval_map_new(keep, drop);

	rand_seed(7);
	memset(values, 0, sizeof values);
	memset(model, 0, sizeof model);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t from = rand_u64() % SPACE;
		uint64_t len = rand_u64() % (round % 2 ? 12 : 60);
		uint64_t to = MIN(from + len, (uint64_t)SPACE), skew = rand_u64() % 1000;
		struct value *v = round % 5 == 0 ? NULL : &values[rand_u64() % VALUES];
		bool set = rand_u64() % 3 != 0;

		if (set) {
			if (v != NULL)
				v->cited++;
			interval_set(m, from, to, v, skew);
		} else {
			interval_clear(m, from, to);
		}
		for (uint64_t b = from; b < to; b++)
			model[b] = (struct cell){ set ? v : NULL, set, skew + b - from };
		compare(m);
		ask(m, rand_u64() % SPACE);
	}
	interval_map_free(&m);
	TRUE(m == NULL);
	for (int v = 0; v < VALUES; v++)
		EQ(values[v].cited, 0);
}

CASE(a_hole_in_a_range_makes_two_and_tells_once)
{
	struct interval_map *m = interval_map_new(keep, drop);
	struct value *v = &values[0];
	struct interval i;

	*v = (struct value){ 1, 0, 0 };
	interval_set(m, 100, 200, v, 5);
	interval_clear(m, 120, 130);
	EQ(v->keeps, 1);
	EQ(v->drops, 0);
	TRUE(interval_next(m, 125, &i));
	EQ(i.from, 130);
	EQ(i.skew, 35);
	interval_clear(m, 90, 120);
	interval_clear(m, 130, 140);		/* trims: nobody is told */
	EQ(v->keeps, 1);
	EQ(v->drops, 1);
	interval_set(m, UINT64_MAX - 1, UINT64_MAX, NULL, 0);
	interval_clear(m, 0, UINT64_MAX);
	EQ(v->cited, 0);
	EQ(interval_map_count(m), 0);
	interval_map_free(&m);
}

CASE(an_empty_range_gives_its_citation_back)
{
	struct interval_map *m = interval_map_new(keep, drop);

	values[0] = (struct value){ 1, 0, 0 };
	interval_set(m, 5, 5, &values[0], 0);
	EQ(values[0].cited, 0);
	EQ(interval_map_count(m), 0);
	interval_map_free(&m);
}
