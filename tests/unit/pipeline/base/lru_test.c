#include "pipeline/base/lru.h"

#include "tests/lib/check.h"

struct page {
	struct lru_entry lru;
	bool pinned;
};

static struct lru lru;
static struct page pages[10];

static bool
is_pinned(struct lru_entry *e, void *arg)
{
	(*(int *)arg)++;
	return container_of(e, struct page, lru)->pinned;
}

static void
fill(void)
{
	lru_init(&lru);
	for (int i = 0; i < 10; i++) {
		lru_entry_init(&pages[i].lru);
		pages[i].pinned = false;
		lru_add(&lru, &pages[i].lru, 100);
	}
}

static int
pop(struct list *victims)
{
	struct list *l = list_pop_front(victims);

	if (l == NULL)
		return -1;
	return (int)(container_of(l, struct page, lru.link) - pages);
}

CASE(the_oldest_go_first_until_the_budget_is_met)
{
	struct list victims;

	fill();
	list_init(&victims);
	EQ(lru.weight, 1000);
	EQ(lru_victims(&lru, 1000, NULL, NULL, &victims), 0);
	EQ(lru_victims(&lru, 750, NULL, NULL, &victims), 3);
	EQ(lru.weight, 700);
	EQ(lru.count, 7);
	for (int i = 0; i < 3; i++)
		EQ(pop(&victims), i);
	EQ(pop(&victims), -1);
}

CASE(what_was_touched_gets_a_second_chance_once)
{
	struct list victims;

	fill();
	list_init(&victims);
	lru_touch(&pages[0].lru);
	lru_touch(&pages[1].lru);
	lru_touch(&pages[1].lru);
	EQ(lru_victims(&lru, 800, NULL, NULL, &victims), 2);
	EQ(pop(&victims), 2);
	EQ(pop(&victims), 3);
	EQ(lru_victims(&lru, 0, NULL, NULL, &victims), 8);
	for (int i = 4; i < 12; i++)
		EQ(pop(&victims), i % 10);
	EQ(lru.weight, 0);
}

CASE(when_all_were_touched_the_hand_goes_round_once_more)
{
	struct list victims;

	fill();
	list_init(&victims);
	for (int i = 0; i < 10; i++)
		lru_touch(&pages[i].lru);
	EQ(lru_victims(&lru, 900, NULL, NULL, &victims), 1);
	EQ(pop(&victims), 0);
}

CASE(what_is_pinned_stays_and_the_search_ends)
{
	struct list victims;
	int asked = 0;

	fill();
	list_init(&victims);
	for (int i = 0; i < 10; i++)
		pages[i].pinned = i != 7;
	EQ(lru_victims(&lru, 0, is_pinned, &asked, &victims), 1);
	EQ(pop(&victims), 7);
	EQ(lru.count, 9);
	TRUE(asked <= 20);
}

CASE(an_entry_can_leave_and_change_its_weight)
{
	fill();
	lru_remove(&lru, &pages[4].lru);
	lru_remove(&lru, &pages[4].lru);
	EQ(lru.weight, 900);
	lru_reweigh(&lru, &pages[5].lru, 10);
	EQ(lru.weight, 810);
	lru_reweigh(&lru, &pages[4].lru, 50);	/* in no ring: only noted */
	EQ(lru.weight, 810);
	EQ(lru.count, 9);
	lru_add(&lru, &pages[4].lru, 1);
	EQ(lru.weight, 811);
}
