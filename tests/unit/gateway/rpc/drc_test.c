/*
 * The duplicate request cache: by itself, and through the dispatcher.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/v3/types.h"
#include "gateway/nfs/v3/v3.h"
#include "gateway/rpc/drc.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"

#include "tests/lib/check.h"

static uint64_t now_ns = 1000;
static uint64_t mono(void) { return now_ns; }
static uint64_t wall(void) { return now_ns; }
static const struct clock_ops still = { mono, wall };

static _Alignas(16) uint8_t home[1 << 16];
static struct arena arena;
static struct rpc_drc_hit hit;

static struct rpc_drc *
setup(uint32_t entries)
{
	arena_init(&arena, home, sizeof home, 0);
	return rpc_drc_new(entries, UINT64_MAX, 120 * NS_PER_S);
}

static struct rpc_drc_key
key_of(uint32_t xid)
{
	return (struct rpc_drc_key){ .addr = { [15] = 1 }, .xid = xid, .prog = V3_PROGRAM,
		.vers = 3, .proc = V3_REMOVE, .sum = xid * 3 };
}

CASE(a_call_is_new_then_busy_then_done)
{
	struct rpc_drc *drc = setup(64);
	struct rpc_drc_key k = key_of(1);
	enum rpc_drc_verdict v[4];
	char reply[8];

	v[0] = rpc_drc_begin(drc, &k, &arena, &hit);
	struct rpc_drc_entry *e = hit.entry;

	v[1] = rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_done(e, "answer", 6);
	v[2] = rpc_drc_begin(drc, &k, &arena, &hit);
	memcpy(reply, hit.reply.at, 6);
	EQ(hit.reply.len, 6);
	v[3] = rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_free(&drc);
	EQ(v[0], RPC_DRC_NEW);
	EQ(v[1], RPC_DRC_BUSY);
	EQ(v[2], RPC_DRC_DONE);
	EQ(v[3], RPC_DRC_DONE);
	EQ_MEM(reply, "answer", 6);
}

CASE(every_part_of_the_key_counts)
{
	struct rpc_drc *drc = setup(64);
	struct rpc_drc_key k = key_of(1), other[6];
	int news = 0;

	(void)rpc_drc_begin(drc, &k, &arena, &hit);
	for (int i = 0; i < 6; i++)
		other[i] = k;
	other[0].addr[0] = 9;
	other[1].xid++;
	other[2].prog++;
	other[3].vers++;
	other[4].proc++;
	other[5].sum++;
	for (int i = 0; i < 6; i++)
		news += rpc_drc_begin(drc, &other[i], &arena, &hit) == RPC_DRC_NEW;
	rpc_drc_free(&drc);
	EQ(news, 6);
}

CASE(a_dropped_call_runs_again)
{
	struct rpc_drc *drc = setup(64);
	struct rpc_drc_key k = key_of(1);
	enum rpc_drc_verdict v;

	(void)rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_drop(hit.entry);
	v = rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_free(&drc);
	EQ(v, RPC_DRC_NEW);
}

CASE(answers_expire)
{
	const struct clock_ops *was = clock_now_ops;
	struct rpc_drc *drc = setup(64);
	struct rpc_drc_key k = key_of(1);
	enum rpc_drc_verdict early, late;

	clock_now_ops = &still;
	(void)rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_done(hit.entry, "x", 1);
	now_ns += 119 * NS_PER_S;
	early = rpc_drc_begin(drc, &k, &arena, &hit);
	now_ns += 2 * NS_PER_S;
	late = rpc_drc_begin(drc, &k, &arena, &hit);
	clock_now_ops = was;
	rpc_drc_free(&drc);
	EQ(early, RPC_DRC_DONE);
	EQ(late, RPC_DRC_NEW);
}

CASE(the_oldest_answers_make_room_and_calls_in_progress_never)
{
	struct rpc_drc *drc = setup(64);
	uint32_t capacity = rpc_drc_capacity(drc), fulls = 0, lost = 0;
	struct rpc_drc_key first = key_of(0);
	enum rpc_drc_verdict v;

	(void)rpc_drc_begin(drc, &first, &arena, &hit);		/* stays in progress */
	for (uint32_t i = 1; i < capacity * 20; i++) {
		struct rpc_drc_key k = key_of(i);

		arena_rewind(&arena);
		v = rpc_drc_begin(drc, &k, &arena, &hit);
		if (v == RPC_DRC_FULL)
			fulls++;
		else
			rpc_drc_done(hit.entry, "x", 1);
	}
	v = rpc_drc_begin(drc, &first, &arena, &hit);
	for (uint32_t i = 1; i < capacity; i++) {
		struct rpc_drc_key k = key_of(i);

		lost += rpc_drc_begin(drc, &k, &arena, &hit) == RPC_DRC_NEW;
		if (hit.entry != NULL)
			rpc_drc_drop(hit.entry);
	}
	rpc_drc_free(&drc);
	EQ(fulls, 0);
	EQ(v, RPC_DRC_BUSY);
	EQ(lost, capacity - 1);
}

CASE(when_all_are_in_progress_calls_run_without_an_entry)
{
	struct rpc_drc *drc = setup(64);
	uint32_t fulls = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		struct rpc_drc_key k = key_of(i);

		fulls += rpc_drc_begin(drc, &k, &arena, &hit) == RPC_DRC_FULL;
	}
	fulls += rpc_drc_capacity(drc);
	rpc_drc_free(&drc);
	EQ(fulls, 1000);
}

CASE(a_reply_that_is_too_long_is_not_kept)
{
	static uint8_t longer[RPC_DRC_REPLY_MAX + 1];
	struct rpc_drc *drc = setup(64);
	struct rpc_drc_key k = key_of(1);
	enum rpc_drc_verdict over, fits;

	(void)rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_done(hit.entry, longer, RPC_DRC_REPLY_MAX + 1);
	over = rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_done(hit.entry, longer, RPC_DRC_REPLY_MAX);
	fits = rpc_drc_begin(drc, &k, &arena, &hit);
	rpc_drc_free(&drc);
	EQ(over, RPC_DRC_NEW);
	EQ(fits, RPC_DRC_DONE);
}

CASE(the_checksum_sees_length_and_the_first_bytes)
{
	uint8_t a[600] = { 0 }, b[600] = { 0 };

	TRUE(rpc_drc_sum(a, 300) == rpc_drc_sum(b, 300));
	TRUE(rpc_drc_sum(a, 300) != rpc_drc_sum(b, 301));
	b[255] = 1;
	TRUE(rpc_drc_sum(a, 300) != rpc_drc_sum(b, 300));
	b[255] = 0;
	b[256] = 1;
	TRUE(rpc_drc_sum(a, 300) == rpc_drc_sum(b, 300));
}

/* Many threads ask for the same calls: each call is new to exactly one of them. */
enum { THREADS = 4, CALLS = 2000 };
static struct rpc_drc *shared;
static _Atomic uint32_t news[CALLS], wrong;

static void
ask(void *arg)
{
	static _Alignas(16) _Thread_local uint8_t mine[4096];
	struct arena a;

	(void)arg;
	arena_init(&a, mine, sizeof mine, 0);
	for (uint32_t i = 0; i < CALLS; i++) {
		struct rpc_drc_key k = key_of(i);
		struct rpc_drc_hit h;

		arena_rewind(&a);
		switch (rpc_drc_begin(shared, &k, &a, &h)) {
		case RPC_DRC_NEW:
			news[i]++;
			rpc_drc_done(h.entry, &i, sizeof i);
			break;
		case RPC_DRC_DONE:
			wrong += h.reply.len != sizeof i || memcmp(h.reply.at, &i,
			    sizeof i) != 0;
			break;
		case RPC_DRC_BUSY:
			break;
		case RPC_DRC_REMEMBERED:
		case RPC_DRC_FULL:
			wrong++;
			break;
		}
	}
}

CASE(a_call_is_new_to_one_thread_alone)
{
	struct thread t[THREADS];
	uint32_t odd = 0;

	shared = rpc_drc_new(CALLS * 4, UINT64_MAX, 120 * NS_PER_S);
	for (int i = 0; i < THREADS; i++)
		thread_start(&t[i], "ask", 0, ask, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(&t[i]);
	rpc_drc_free(&shared);
	for (uint32_t i = 0; i < CALLS; i++)
		odd += news[i] != 1;
	EQ(odd, 0);
	EQ(wrong, 0);
}

/* Through the dispatcher: another connection of the same client gets the same bytes. */
CASE(a_retried_remove_is_silent_while_it_runs_and_answered_afterwards)
{
	struct fake *first = fake_new(), *second = fake_new();
	enum decoded d[3];
	uint8_t m[512], reply[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_REMOVE), n;
	bool same;

	fake_service.drc[RPC_ONCE] = setup(64);
	d[0] = fake_decode(first, m, len);
	d[1] = fake_decode(second, m, len);
	fake_answer(first);
	(void)fake_encode(first);
	n = first->w.len;
	memcpy(reply, first->out, n);
	d[2] = fake_decode(second, m, len);
	(void)fake_encode(second);
	same = second->w.len == n && memcmp(second->out, reply, n) == 0;
	fake_free(&first);
	fake_free(&second);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	EQ(d[0], DECODED_OP);
	EQ(d[1], DECODED_SILENCE);
	EQ(d[2], DECODED_REPLY);
	TRUE(same);
}

CASE(a_credential_written_anew_does_not_make_another_call)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_REMOVE);
	enum decoded d;

	fake_service.drc[RPC_ONCE] = setup(64);
	(void)fake_decode(f, m, len);
	fake_answer(f);
	(void)fake_encode(f);
	put_be32(m + 32, 0x99999);		/* the stamp of AUTH_SYS */
	d = fake_decode(f, m, len);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	EQ(d, DECODED_REPLY);
}

CASE(a_retried_write_is_answered_from_a_cache_of_its_own)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_WRITE);
	enum decoded d[2];

	fake_service.drc[RPC_ONCE_BYTES] = setup(64);
	d[0] = fake_decode(f, m, len);
	EQ(f->job.op.note.protocol, NOTE_NONE);
	fake_answer(f);
	(void)fake_encode(f);
	d[1] = fake_decode(f, m, len);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE_BYTES]);
	EQ(d[0], DECODED_OP);
	EQ(d[1], DECODED_REPLY);
}

CASE(reads_are_never_kept)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_GETATTR);
	enum decoded d[2];

	fake_service.drc[RPC_ONCE] = setup(64);
	d[0] = fake_decode(f, m, len);
	fake_answer(f);
	(void)fake_encode(f);
	d[1] = fake_decode(f, m, len);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	EQ(d[0], DECODED_OP);
	EQ(d[1], DECODED_OP);
}

CASE(a_call_told_to_come_later_and_one_that_never_answered_run_again)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_REMOVE);
	enum decoded d[3];

	fake_service.drc[RPC_ONCE] = setup(64);
	d[0] = fake_decode(f, m, len);		/* ends without encode */
	d[1] = fake_decode(f, m, len);
	f->job.status = ST_DELAY;
	(void)fake_encode(f);
	d[2] = fake_decode(f, m, len);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	EQ(d[0], DECODED_OP);
	EQ(d[1], DECODED_OP);
	EQ(d[2], DECODED_OP);
}

/* The note that a first run of this message leaves, by way of the log. */
static struct note
note_of(struct fake *f, const uint8_t *m, uint32_t len)
{
	struct note note;

	(void)fake_decode(f, m, len);
	note = f->job.op.note;
	fake_finish(f);
	note.ino = 4242;
	note.gen = 6;
	return note;
}

static void
crash(const struct note *note)
{
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	fake_service.drc[RPC_ONCE] = setup(64);
	v3_remember(fake_service.drc[RPC_ONCE], FAKE_SHARE, note);
}

CASE(after_a_crash_a_create_is_answered_with_what_it_had_made)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_CREATE);
	struct note note;
	struct reader r;
	struct slice fh;

	fake_service.drc[RPC_ONCE] = setup(64);
	note = note_of(f, m, len);
	EQ(note.protocol, NOTE_NFS3);
	EQ(note.op, OP_CREATE);
	EQ(note.proc, V3_CREATE);
	EQ(note.uid, 1000);
	EQ(note.request >> 32, 77);
	EQ_MEM(note.client, f->conn.addr, 16);
	crash(&note);
	EQ(fake_decode(f, m, len), DECODED_OP);
	EQ(f->job.op.kind, OP_GETATTR);
	EQ(f->job.op.file.ino, 4242);
	EQ(f->job.op.file.gen, 6);
	EQ(f->job.op.note.protocol, NOTE_NONE);
	f->job.op.on.has_after = true;
	f->job.op.on.after = (struct attr){ .type = TYPE_REG, .ino = 4242 };
	r = fake_encode(f);
	EQ(xdr_u32(&r), 0);
	EQ(xdr_bool(&r), true);			/* a handle */
	fh = xdr_opaque(&r, 64);
	EQ(get_be64(fh.at + 12), 4242);
	EQ(get_be32(fh.at + 20), 6);
	EQ(xdr_bool(&r), true);			/* attributes */
	reader_skip(&r, 84);
	EQ(xdr_u64(&r), 0);			/* no wcc of the directory */
	EQ(reader_left(&r), 0);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
}

CASE(after_a_crash_what_was_made_may_be_gone_and_the_answer_is_still_success)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_MKDIR);
	struct note note;
	struct reader r;

	fake_service.drc[RPC_ONCE] = setup(64);
	note = note_of(f, m, len);
	crash(&note);
	EQ(fake_decode(f, m, len), DECODED_OP);
	f->job.status = ST_STALE;
	r = fake_encode(f);
	for (int i = 0; i < 5; i++)
		EQ(xdr_u32(&r), 0);	/* OK; no handle, attributes, before, after */
	EQ(reader_left(&r), 0);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
}

CASE(after_a_crash_every_changing_procedure_succeeds_without_running)
{
	static const uint32_t procs[] = { V3_SETATTR, V3_CREATE, V3_MKDIR, V3_SYMLINK,
	    V3_MKNOD,
		V3_REMOVE, V3_RMDIR, V3_RENAME, V3_LINK };
	struct fake *f = fake_new();

	fake_service.drc[RPC_ONCE] = setup(64);
	for (size_t i = 0; i < ARRAY_LEN(procs); i++) {
		uint8_t m[512];
		uint32_t len = fake_call3(m, sizeof m, 100 + (uint32_t)i, procs[i]);
		struct note note = note_of(f, m, len);
		struct reader r;

		EQ(note.proc, procs[i]);
		crash(&note);
		EQ(fake_decode(f, m, len), DECODED_OP);
		EQ(f->job.op.kind, OP_GETATTR);
		f->job.op.on.has_after = true;
		f->job.op.on.after = (struct attr){ .type = TYPE_DIR, .ino = 2 };
		r = fake_encode(f);
		EQ(xdr_u32(&r), 0);
		TRUE(reader_left(&r) >= 8);
	}
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
}

CASE(a_note_of_another_share_or_a_strange_one_is_not_believed)
{
	struct fake *f = fake_new();
	uint8_t m[512];
	uint32_t len = fake_call3(m, sizeof m, 77, V3_REMOVE);
	struct note note, strange;

	fake_service.drc[RPC_ONCE] = setup(64);
	note = note_of(f, m, len);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	fake_service.drc[RPC_ONCE] = setup(64);
	v3_remember(fake_service.drc[RPC_ONCE], FAKE_SHARE + 1, &note);
	EQ(fake_decode(f, m, len), DECODED_OP);
	EQ(f->job.op.kind, OP_REMOVE);
	strange = note;
	strange.proc = 60000;
	v3_remember(fake_service.drc[RPC_ONCE], FAKE_SHARE, &strange);
	strange.proc = V3_GETATTR;
	v3_remember(fake_service.drc[RPC_ONCE], FAKE_SHARE, &strange);
	fake_free(&f);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
}
