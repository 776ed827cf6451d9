/*
 * Every operation, every n-th failing fault point.  A round makes known things, looks, arms the
 * n-th call of any fault point to fail, runs one operation, looks again: an error must have changed
 * nothing, an OK must have done all of it, nothing may be held, and the same operation must then
 * work.  Where the journal has failed the share stops taking changes for good: it says so, reads
 * go on, and opened again it has all that was acknowledged.  n grows until nothing failed.
 */
#include "tests/fault/kit.h"
#include "tests/fault/scene.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/log.h"
#include "pipeline/block/block.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NTH_MAX = 400, CARVE_TRIES = 6000 };

struct sweep {
	bool durable, cold;
	uint64_t round;
	char without[LOOK_BYTES], with[LOOK_BYTES]; /* the effect; before and after, any round */
	char exact[LOOK_BYTES];				/* of this round, before */
};

struct turn_of {			/* one round, for messages */
	const struct scene *scene;
	unsigned nth;
	enum status st;
	const char *point;
	bool true_answer;
};

static void
nap_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

/* nth 0: nothing fails. */
static enum status
run_scene(const struct scene *scene, const struct kit *k, unsigned nth, bool *true_answer)
{
	struct job *job = world_op(scene->kind, k->root, NULL);
	enum status st;

	scene->fill(job, k);
	fault_arm(NULL, nth);
	st = world_run(job);
	fault_arm(NULL, 0);
	*true_answer = st != OK || scene->answer == NULL || scene->answer(job, k);
	world_done(&job);
	return st;
}

/* The answer of a scene that has nothing to find. */
static enum status
good_status(const struct scene *scene)
{
	return strcmp(scene->name, "lookup of none") == 0 ? ST_NOENT : OK;
}

static bool
clean_status(enum status st)
{
	return st == ST_IO || st == ST_RESOURCE || st == ST_DELAY || st == ST_NOSPC;
}

static void
wait_carved(void)
{
	struct block_usage usage;

	for (int i = 0; i < CARVE_TRIES; i++) {
		block_usage_read(world_share(), &usage);
		if (usage.dirty_bytes == 0)
			return;
		nap_ms(2);
	}
	check_fail(__FILE__, __LINE__, "%llu bytes are never carved",
	    (unsigned long long)usage.dirty_bytes);
}

static void
look(const struct kit *k, bool exact, char to[LOOK_BYTES], const struct turn_of *r)
{
	struct text t = text_of(to, LOOK_BYTES);

	if (!kit_look(k, exact, &t))
		kit_complain("%s, %u (%s): what there is cannot be read: %s", r->scene->name,
		    r->nth, r->point, to);
}

static void
begin_round(struct sweep *w, struct kit *k, const struct turn_of *r)
{
	if (block_state(world_share()) != OK)
		world_reopen();
	kit_make(k, ++w->round);
	if (r->scene->carved)
		wait_carved();
	look(k, true, w->exact, r);
	if (w->cold)
		world_reopen();
}

static void
same(const char *got, const char *want, const struct turn_of *r, const char *what)
{
	if (strcmp(got, want) != 0)
		kit_complain("%s, %u (%s: %s): %s\n# --- should be\n%s# --- is\n%s# ---",
		    r->scene->name, r->nth, r->point, status_name(r->st), what, want, got);
}

/* The journal has failed: no change goes in, what there is can be read, and after a start it is
 * one or the other; all of it where that was acknowledged. */
static void
after_fail_stop(struct sweep *w, const struct kit *k, const struct turn_of *r, bool acknowledged)
{
	static char now[LOOK_BYTES];
	struct job *job = world_op(OP_MKDIR, k->dir, "refused");
	enum status st = world_run(job);

	world_done(&job);
	if (st != ST_IO)
		kit_complain("%s, %u (%s): a failed journal takes a change: %s", r->scene->name,
		    r->nth, r->point, status_name(st));
	look(k, false, now, r);
	if (strcmp(now, w->with) != 0)
		same(now, w->without, r, "half done before the journal failed");
	world_reopen();
	if (block_state(world_share()) != OK)
		kit_complain("%s, %u (%s): does not serve after a start", r->scene->name, r->nth,
		    r->point);
	if (!w->durable)
		return;
	look(k, false, now, r);
	if (acknowledged || strcmp(now, w->without) != 0)
		same(now, w->with, r, "not what was acknowledged");
}

static void
after_error(struct sweep *w, const struct kit *k, struct turn_of *r)
{
	static char now[LOOK_BYTES];
	enum status st;
	bool answer;

	if (!clean_status(r->st))
		kit_complain("%s, %u (%s): answers %s", r->scene->name, r->nth, r->point,
		    status_name(r->st));
	look(k, true, now, r);
	same(now, w->exact, r, "an error changed something");
	look(k, false, now, r);
	same(now, w->without, r, "an error changed something");
	st = run_scene(r->scene, k, 0, &answer);
	if (st != good_status(r->scene) || !answer)
		kit_complain("%s, %u (%s): then it does not work: %s", r->scene->name, r->nth,
		    r->point, status_name(st));
	look(k, false, now, r);
	same(now, w->with, r, "the next one's effect");
}

static void
after_round(struct sweep *w, const struct kit *k, struct turn_of *r)
{
	static char now[LOOK_BYTES];
	struct text held = text_of(now, sizeof now);
	bool good = r->st == good_status(r->scene);

	if (!r->true_answer)
		kit_complain("%s, %u (%s): an answer that is not true", r->scene->name, r->nth,
		    r->point);
	if (!kit_rests(&held))
		kit_complain("%s, %u (%s: %s): %s", r->scene->name, r->nth, r->point,
		    status_name(r->st), now);
	if (r->point != NULL)
		nap_ms(2);		/* whoever else it hit has told the journal by then */
	if (block_state(world_share()) != OK) {
		after_fail_stop(w, k, r, good && !r->scene->early);
	} else if (good) {
		look(k, false, now, r);
		same(now, w->with, r, "OK, and only half done");
	} else {
		after_error(w, k, r);
	}
}

/* What the share looks like without and with the effect. */
static void
learn(struct sweep *w, const struct scene *scene)
{
	struct turn_of r = { .scene = scene, .point = "none" };
	struct kit k;

	begin_round(w, &k, &r);
	look(&k, false, w->without, &r);
	EQ(run_scene(scene, &k, 0, &r.true_answer), good_status(scene));
	TRUE(r.true_answer);
	look(&k, false, w->with, &r);
}

static unsigned
sweep_scene(struct sweep *w, const struct scene *scene)
{
	struct turn_of r = { .scene = scene };
	struct kit k;

	learn(w, scene);
	for (r.nth = 1; r.nth <= NTH_MAX; r.nth++) {
		begin_round(w, &k, &r);
		r.st = run_scene(scene, &k, r.nth, &r.true_answer);
		r.point = fault_fired();
		after_round(w, &k, &r);
		if (r.point == NULL)
			return r.nth - 1;
	}
	kit_complain("%s: no end of faults", scene->name);
	return NTH_MAX;
}

static void
sweep(const char *meta, bool durable, bool cold)
{
	static struct sweep w;
	unsigned points = 0;

#ifndef HOUSE_FAULTS
	check_skip("built without fault points");
#endif
	log_least = LOG_LEVEL_ERROR + 1;
	w = (struct sweep){ .durable = durable, .cold = cold };
	kit_world(meta, kit_folder());
	for (unsigned i = 0; i < nscenes; i++) {
		unsigned n = sweep_scene(&w, &scenes[i]);

		printf("# %s: %u points failed in turn\n", scenes[i].name, n);
		points += n;
	}
	kit_world_end();
	printf("# %u failures injected\n", points);
	kit_verdict();
	TRUE(points >= nscenes);
}

CASE(every_kind_of_operation_has_a_scene)
{
	for (int kind = OP_NONE + 1; kind < OP_COUNT; kind++) {
		bool found = false;

		for (unsigned i = 0; i < nscenes; i++)
			found |= scenes[i].kind == (enum op_kind)kind;
		if (!found)
			check_fail(__FILE__, __LINE__, "%s has none", op_rows[kind].name);
	}
}

CASE(every_fault_in_every_operation_over_memory)
{
	sweep("memory", false, false);
}

CASE(every_fault_in_every_operation_over_leveldb)
{
	sweep("leveldb", true, false);
}

CASE(every_fault_in_every_operation_with_nothing_cached)
{
	sweep("leveldb", true, true);
}
