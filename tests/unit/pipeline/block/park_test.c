/*
 * Jobs that wait for the journal: for durability, for room, and what they hear when it fails.  The
 * floor above the journal is a small one of our own that commits one entry a job.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/record/key.h"
#include "pipeline/stage/worker.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <unistd.h>

enum { JOBS = 32, WAIT_NS = 300000000 };

static struct rig rig;
static _Atomic uint32_t over, parked_for_room, timed_out, slowed;
static _Atomic uint32_t ended[ST_COUNT];
static _Atomic uint32_t early;			/* answered before it was durable */

static enum turn
commit_down(struct job *job)
{
	struct key key = key_inode(100);
	struct txn *t;
	enum status st;
	bool waited = job->vfs != NULL;		/* slowed before */
	uint64_t slow_ns;
	lsn_t lsn;

	if (job->timed_out && !waited) {
		atomic_fetch_add(&timed_out, 1);
		job->status = ST_DELAY;
		return TURN_UP;
	}
	t = txn_new();
	if (t == NULL) {
		job->status = ST_RESOURCE;
		return TURN_UP;
	}
	txn_put(t, key_slice(&key), slice_of("x", 1), NULL);
	slow_ns = 0;
	st = waited ? block_reserve(rig.share, t) : block_reserve_slowly(rig.share, t, &slow_ns);
	if (slow_ns != 0) {
		txn_free(&t);
		job->vfs = &rig;
		if (!block_slow_park(rig.share, job, clock_mono_ns() + slow_ns))
			panic("a journal that works does not park");
		atomic_fetch_add(&slowed, 1);
		return TURN_PARK;
	}
	if (st == OK) {
		block_commit(rig.share, t, &lsn);
		job->wait_lsn = lsn;
		return TURN_DOWN;
	}
	txn_free(&t);
	if (st == ST_DELAY && block_admit_park(rig.share, job, clock_mono_ns() + WAIT_NS)) {
		atomic_fetch_add(&parked_for_room, 1);
		return TURN_PARK;
	}
	job->status = st;
	return TURN_UP;
}

static const struct stage_ops commit_stage = { .down = commit_down };

static void
done(struct job *job)
{
	if (job->status == OK && !block_durable(rig.share, job->wait_lsn))
		atomic_fetch_add(&early, 1);
	atomic_fetch_add(&ended[job->status], 1);
	job->share = NULL;
	job->vfs = NULL;
	job->state = JOB_SENT;
	job_put(&job);
	atomic_fetch_add(&over, 1);
}

struct starter {
	struct call call;
	_Atomic bool ran;
};

/* On the home worker: its jobs, all at once. */
static void
start_jobs(struct call *call)
{
	struct starter *s = container_of(call, struct starter, call);

	for (int i = 0; i < JOBS; i++) {
		struct job *job = job_get(worker_self());

		if (job == NULL)
			panic("no job");
		job->share = rig.share;
		job->done = done;
		machine_submit(job, FLOOR_VFS);
	}
	atomic_store(&s->ran, true);
}

static struct starter starter;

static void
start(void)
{
	atomic_store(&over, 0);
	atomic_store(&early, 0);
	atomic_store(&parked_for_room, 0);
	atomic_store(&timed_out, 0);
	atomic_store(&slowed, 0);
	for (size_t i = 0; i < ARRAY_LEN(ended); i++)
		atomic_store(&ended[i], 0);
	starter = (struct starter){ .call.run = start_jobs };
	worker_call(worker_at(0), &starter.call);
}

static void
wait_for(_Atomic uint32_t *what, uint32_t n)
{
	for (int i = 0; i < 2000 && atomic_load(what) < n; i++)
		usleep(1000);
	EQ(atomic_load(what), n);
}

static void
begin(const char *name)
{
	stage_set(FLOOR_VFS, &commit_stage);
	stage_set(FLOOR_BLOCK, &block_stage);
	machine_start(&(struct machine_conf){ .workers = 1, .jobs = 2 * JOBS });
	rig_start();
	rig_place(&rig, name, "leveldb");
	EQ(rig_open(&rig, true, NULL), OK);
}

static void
end(void)
{
	(void)rig_abandon(&rig);
	rig_stop();
	machine_stop();
}

CASE(jobs_are_answered_when_their_entries_are_durable)
{
	begin("park");
	start();
	wait_for(&over, JOBS);
	EQ(ended[OK], JOBS);
	EQ(early, 0);
	end();
}

CASE(jobs_whose_group_fails_hear_io)
{
#ifndef HOUSE_FAULTS
	check_skip("built without fault points");
#endif
	begin("park-io");
	fault_arm("journal.sync", 1);
	start();
	wait_for(&over, JOBS);
	fault_arm(NULL, 0);
	EQ(ended[ST_IO], JOBS);
	end();
}

CASE(jobs_without_room_wait_and_go_on_when_there_is_some)
{
	uint64_t cap;

	begin("park-room");
	cap = rig.share->block->journal->records_cap;
	rig.share->block->journal->records_cap = 0;
	start();
	wait_for(&parked_for_room, JOBS);
	EQ(over, 0);
	rig.share->block->journal->records_cap = cap;
	journal_room(rig.share->block->journal);
	wait_for(&over, JOBS);
	EQ(ended[OK], JOBS);
	EQ(timed_out, 0);
	end();
}

CASE(jobs_without_room_are_told_to_come_again_when_their_time_is_up)
{
	begin("park-late");
	rig.share->block->journal->records_cap = 0;
	start();
	wait_for(&over, JOBS);
	EQ(timed_out, JOBS);
	EQ(ended[ST_DELAY], JOBS);
	TRUE(list_empty(&rig.share->block->journal->parked));
	end();
}

/* As if others had reserved so much of each 64 MiB of records that may be filled. */
static void
fill_to(uint64_t bytes)
{
	struct journal *j = rig.share->block->journal;

	mutex_lock(&j->mutex);
	j->records_cap = 8 * (64ull << 20) / 7 + 7;
	j->reserved_records = bytes;
	mutex_unlock(&j->mutex);
}

static uint64_t
slow_at(uint64_t bytes)
{
	struct key key = key_inode(100);
	struct txn *t = txn_new();
	enum status st;
	uint64_t ns;

	fill_to(bytes);
	txn_put(t, key_slice(&key), slice_of("x", 1), NULL);
	st = block_reserve_slowly(rig.share, t, &ns);
	EQ(st, ns == 0 ? OK : ST_DELAY);
	EQ(t->reserved == 0, ns != 0);		/* who is to wait holds nothing */
	block_unreserve(rig.share, t);
	EQ(block_reserve(rig.share, t), OK);
	block_unreserve(rig.share, t);
	txn_free(&t);
	return ns;
}

CASE(writers_are_slowed_from_three_quarters_of_a_cap_on_and_more_the_nearer_it_is)
{
	uint64_t last = 0;

	begin("park-slow-curve");
	EQ(slow_at(0), 0);
	EQ(slow_at(47ull << 20), 0);
	for (uint64_t mib = 49; mib < 64; mib++) {
		uint64_t ns = slow_at(mib << 20);

		TRUE(ns > last);
		last = ns;
	}
	TRUE(last > 70 * NS_PER_MS && last <= 80 * NS_PER_MS);
	EQ(slow_at(1 << 20), 0);
	fill_to(0);
	end();
}

CASE(the_cap_of_data_and_the_log_s_own_slow_as_well)
{
	struct journal *j;
	uint64_t data_cap, space_cap;

	begin("park-slow-caps");
	j = rig.share->block->journal;
	data_cap = j->data_cap;
	space_cap = j->space_cap;
	j->data_cap = j->space_cap = 1 << 30;
	j->reserved_data = 50 << 20;
	EQ(slow_at(0), 0);
	j->data_cap = 64 << 20;
	TRUE(slow_at(0) > 0);
	j->data_cap = 1 << 30;
	EQ(slow_at(0), 0);
	j->space_cap = 64 << 20;
	TRUE(slow_at(0) > 0);
	j->data_cap = data_cap;
	j->space_cap = space_cap;
	j->reserved_data = 0;
	fill_to(0);
	end();
}

static void
tune_journal(uint64_t bytes)
{
	struct share_tuning t = share_tuning_get(rig.share);

	t.journal_bytes = bytes;
	share_tuning_set(rig.share, &t);
	block_retuned(rig.share);
}

CASE(a_cap_that_is_tuned_is_in_force_and_who_waits_looks_again)
{
	uint64_t cap;

	begin("park-tuned");
	tune_journal(64 << 20);
	rig.share->block->journal->reserved_data = 50 << 20;
	TRUE(slow_at(0) > 0);
	tune_journal(1 << 30);
	EQ(slow_at(0), 0);
	rig.share->block->journal->reserved_data = 0;
	fill_to(0);
	cap = rig.share->block->journal->records_cap;
	rig.share->block->journal->records_cap = 0;
	start();
	wait_for(&parked_for_room, JOBS);
	rig.share->block->journal->records_cap = cap;
	tune_journal(2ull << 30);
	wait_for(&over, JOBS);
	EQ(ended[OK], JOBS);
	EQ(timed_out, 0);
	end();
}

CASE(slowed_jobs_leave_the_worker_and_go_on_by_themselves)
{
	begin("park-slow");
	fill_to(60ull << 20);
	start();
	wait_for(&over, JOBS);
	EQ(slowed, JOBS);
	EQ(parked_for_room, 0);
	EQ(timed_out, 0);
	EQ(ended[OK], JOBS);
	TRUE(list_empty(&rig.share->block->journal->parked));
	fill_to(40ull << 20);
	start();
	wait_for(&over, JOBS);
	EQ(slowed, 0);
	EQ(ended[OK], JOBS);
	fill_to(0);
	end();
}

CASE(slowed_jobs_go_on_when_room_comes)
{
	begin("park-slow-room");
	fill_to(60ull << 20);
	start();
	wait_for(&slowed, JOBS);
	fill_to(0);
	journal_room(rig.share->block->journal);
	wait_for(&over, JOBS);
	EQ(ended[OK], JOBS);
	TRUE(list_empty(&rig.share->block->journal->parked));
	end();
}
