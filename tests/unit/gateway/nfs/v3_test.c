/*
 * NFS version 3: what each procedure asks of the pipeline, how each answer is said, and
 * what becomes of arguments that are cut, overlong or nonsense.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/mount/list.h"
#include "gateway/nfs/v3/inner.h"

#include "pipeline/base/rand.h"
#include "pipeline/model/file.h"

#include "tests/lib/check.h"

static uint8_t message[4096];

static struct fake *
asked(uint32_t proc)
{
	struct fake *f = fake_new();
	uint32_t len = fake_call3(message, sizeof message, 1, proc);

	EQ(fake_decode(f, message, len), proc == V3_NULL ? DECODED_REPLY : DECODED_OP);
	return f;
}

static const uint8_t kinds[] = {
#define PROC3(NAME, name, kind, once, fail, worst) OP_##kind,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

static const bool onces[] = {
#define PROC3(NAME, name, kind, once, fail, worst) RPC_##once == RPC_ONCE,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

CASE(every_procedure_becomes_its_operation_and_only_changes_leave_notes)
{
	for (uint32_t p = 1; p < V3_PROC_COUNT; p++) {
		struct fake *f = asked(p);
		const struct op *op = &f->job.op;

		EQ(op->kind, kinds[p]);
		EQ(op->note.protocol, onces[p] ? NOTE_NFS3 : NOTE_NONE);
		EQ(onces[p], !op_rows[op->kind].idempotent);
		EQ(op->file.share, FAKE_SHARE);
		TRUE(f->job.share != NULL);
		EQ(f->job.claim.uid, 1000);
		EQ(f->job.claim.ngids, 3);
		fake_free(&f);
	}
	EQ(fake_share_refs, 0);
}

CASE(arguments_arrive_as_they_were_sent)
{
	struct fake *f = asked(V3_SETATTR);
	const struct op *op = &f->job.op;

	EQ(op->set.mask, SET_MODE | SET_GID | SET_SIZE | SET_ATIME_NOW | SET_MTIME);
	EQ(op->set.mode, 0750);
	EQ(op->set.gid, 4);
	EQ(op->set.size, 12345);
	EQ(op->set.mtime.s, 4000000000);
	EQ(op->set.mtime.ns, 999999999);
	EQ(op->arg.guard.check, true);
	EQ(op->arg.guard.ctime.s, 5);
	fake_free(&f);
	f = asked(V3_CREATE);
	EQ(f->job.op.arg.create.how, CREATE_EXCLUSIVE);
	EQ(f->job.op.arg.create.verf, 0x0102030405060708);
	EQ(f->job.op.set.mask, 0);
	TRUE(slice_eq(f->job.op.name, slice_str("made")));
	fake_free(&f);
	f = asked(V3_RENAME);
	EQ(f->job.op.file.ino, FAKE_DIR);
	EQ(f->job.op.file2.ino, FAKE_DIR2);
	TRUE(slice_eq(f->job.op.name, slice_str("from")));
	TRUE(slice_eq(f->job.op.name2, slice_str("to")));
	fake_free(&f);
	f = asked(V3_LINK);
	EQ(f->job.op.file.ino, FAKE_FILE);
	EQ(f->job.op.file2.ino, FAKE_DIR);
	fake_free(&f);
	f = asked(V3_MKNOD);
	EQ(f->job.op.arg.mknod.type, TYPE_BLK);
	EQ(f->job.op.arg.mknod.major, 8);
	EQ(f->job.op.arg.mknod.minor, 17);
	fake_free(&f);
	f = asked(V3_SYMLINK);
	TRUE(slice_eq(f->job.op.arg.symlink.target, slice_str("../where")));
	fake_free(&f);
	f = asked(V3_ACCESS);
	EQ(f->job.op.arg.access.want, 0x3f);
	fake_free(&f);
}

CASE(a_writes_payload_is_the_messages_own_bytes)
{
	struct fake *f = asked(V3_WRITE);
	const struct chain *data = &f->job.io.data;

	EQ(f->job.io.offset, 4096);
	EQ(f->job.io.count, 7);
	EQ(f->job.op.arg.write.stable, STABLE_DATA);
	EQ(data->n, 1);
	EQ(data->len, 7);
	TRUE(data->v[0].buf == f->job.message.buf);
	EQ_MEM(data->v[0].at, "seven b", 7);
	fake_free(&f);
}

/* Every procedure's message, cut at every byte: refused or hung up, never an
 * operation; and no reference is lost on the way. */
CASE(a_call_cut_anywhere_never_becomes_an_operation)
{
	struct fake *f = fake_new();

	for (uint32_t p = 1; p < V3_PROC_COUNT; p++) {
		uint32_t len = fake_call3(message, sizeof message, 1, p);

		for (uint32_t cut = 0; cut < len; cut++) {
			enum decoded d = fake_decode(f, message, cut);

			TRUE(d == DECODED_REPLY || d == DECODED_HANGUP);
			if (d == DECODED_REPLY) {
				(void)fake_encode(f);
				TRUE(writer_ok(&f->w) && f->w.len >= 4 + 20);
			}
		}
	}
	fake_free(&f);
	EQ(fake_share_refs, 0);
}

CASE(random_damage_is_survived)
{
	struct fake *f = fake_new();

	mount_list_start(4);
	rand_seed(20);
	for (uint32_t i = 0; i < 60000; i++) {
		uint32_t p = i % V3_PROC_COUNT, len = fake_call3(message, sizeof message,
		    i, p);
		enum decoded d;

		for (uint64_t n = rand_u64() % 4 + 1; n > 0; n--) {
			uint64_t at = rand_u64() % len;

			message[at] = (uint8_t)rand_u64();
		}
		d = fake_decode(f, message, len);
		if (d == DECODED_OP)
			fake_answer(f);
		if (d == DECODED_OP || d == DECODED_REPLY) {
			(void)fake_encode(f);
			TRUE(writer_ok(&f->w));
		}
	}
	mount_list_stop();
	fake_free(&f);
	EQ(fake_share_refs, 0);
}

static const uint32_t worsts[] = {
#define PROC3(NAME, name, kind, once, fail, worst) worst,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

static uint32_t
fail_bytes(uint32_t proc)
{
	enum { NOTHING = 0, ATTR = 88, WCC = 116 };
	static const uint32_t shapes[] = {
#define nothing NOTHING
#define attr ATTR
#define wcc WCC
#define wcc_both (2 * WCC)
#define attr_wcc (ATTR + WCC)
#define PROC3(NAME, name, kind, once, fail, worst) fail,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
#undef nothing
#undef attr
#undef wcc
#undef wcc_both
#undef attr_wcc
	};
	return shapes[proc];
}

CASE(no_success_is_longer_than_its_row_says_and_no_failure_of_another_shape)
{
	for (uint32_t p = 1; p < V3_PROC_COUNT; p++) {
		struct fake *f = asked(p);
		struct reader r;

		fake_answer(f);
		r = fake_encode(f);
		EQ(xdr_u32(&r), NFS3_OK);
		TRUE(reader_left(&r) <= worsts[p]);
		EQ(get_be32(f->out) & 0x7fffffff, f->w.len - 4);
		fake_free(&f);
		f = asked(p);
		fake_answer(f);
		f->job.status = ST_IO;
		r = fake_encode(f);
		TRUE(xdr_u32(&r) != NFS3_OK);
		EQ(reader_left(&r), fail_bytes(p));
		fake_free(&f);
	}
}

CASE(attributes_lie_on_the_wire_as_the_rfc_has_them)
{
	static const uint8_t want[] = {
		0, 0, 0, 2,  0, 0, 1, 0244,  0, 0, 0, 3,  0, 0, 3, 0xe8,  0, 0, 0, 100,
		0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a,  0, 0, 0, 0, 0, 0, 0x10, 0,
		0, 0, 0, 8,  0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0xf5, 0x1d,  0, 0, 0, 0, 0, 0, 0, 10,
		0, 0, 0, 1,  0, 0, 0, 2,  0, 0, 0, 3,
		0, 0, 0, 4,  0, 0, 0, 5,  0, 0, 0, 6,
	};
	struct fake *f = asked(V3_GETATTR);
	struct reader r;

	fake_answer(f);
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3_OK);
	EQ(reader_left(&r), sizeof want);
	EQ_MEM(r.at, want, sizeof want);
	fake_free(&f);
}

CASE(times_outside_the_wires_range_are_clamped)
{
	static const struct { int64_t s; uint32_t wire; } t[] = { { -1, 0 }, { 0, 0 },
		{ 0x7fffffff, 0x7fffffff }, { 0x80000000, 0x80000000 },
		{ 0xffffffff, 0xffffffff }, { 0x100000000, 0xffffffff },
		{ INT64_MAX, 0xffffffff } };

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t out[84];
		struct writer w = writer_of(out, sizeof out);

		v3_put_fattr(&w,
		    &(struct attr){ .type = TYPE_REG, .mtime = { t[i].s, 7 } });
		EQ(get_be32(out + 68), t[i].wire);
		EQ(get_be32(out + 72), 7);
	}
}

CASE(every_file_type_has_its_number)
{
	static const uint8_t want[] = { [TYPE_REG] = 1, [TYPE_DIR] = 2, [TYPE_BLK] = 3,
		[TYPE_CHR] = 4, [TYPE_LNK] = 5, [TYPE_SOCK] = 6, [TYPE_FIFO] = 7 };

	for (uint8_t type = TYPE_REG; type <= TYPE_FIFO; type++) {
		uint8_t out[84];
		struct writer w = writer_of(out, sizeof out);

		v3_put_fattr(&w, &(struct attr){ .type = type });
		EQ(get_be32(out), want[type]);
	}
}

/* Replace a 32-bit word, counted from the end of the message, and ask. */
static enum decoded
twisted(struct fake *f, uint32_t proc, uint32_t from_end, uint32_t value)
{
	uint32_t len = fake_call3(message, sizeof message, 1, proc);

	put_be32(message + len - from_end, value);
	return fake_decode(f, message, len);
}

static uint32_t
stat_of(struct fake *f)
{
	struct reader r = fake_encode(f);

	return xdr_u32(&r);
}

CASE(handles_that_are_not_ours_are_answered_at_once)
{
	struct fake *f = fake_new();
	uint32_t len = fake_call3(message, sizeof message, 1, V3_LOOKUP), at;
	struct reader r;

	for (at = 0; get_be32(message + at) != HANDLE_BYTES; at += 4)
		continue;
	message[at + 4] = 9;
	EQ(fake_decode(f, message, len), DECODED_REPLY);
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3ERR_BADHANDLE);
	EQ(xdr_u32(&r), 0);
	EQ(reader_left(&r), 0);
	message[at + 4] = 1;
	message[at + 4 + 11] = FAKE_SHARE + 20;
	EQ(fake_decode(f, message, len), DECODED_REPLY);
	EQ(stat_of(f), NFS3ERR_STALE);
	put_be32(message + at, 65);
	EQ(fake_decode(f, message, len), DECODED_REPLY);
	EQ(f->job.share == NULL, true);
	(void)fake_encode(f);
	EQ(get_be32(f->out + 4 + 20), RPC_GARBAGE_ARGS);
	fake_free(&f);
}

CASE(a_rename_to_another_share_is_xdev)
{
	struct fake *f = fake_new();
	uint32_t len = fake_call3(message, sizeof message, 1, V3_RENAME);

	message[len - 8 - HANDLE_BYTES + 11] = FAKE_OTHER;
	EQ(fake_decode(f, message, len), DECODED_REPLY);
	EQ(stat_of(f), NFS3ERR_XDEV);
	fake_free(&f);
}

CASE(counts_that_do_not_match_are_garbage)
{
	struct fake *f = fake_new();

	EQ(twisted(f, V3_WRITE, 20, 8), DECODED_REPLY);
	(void)fake_encode(f);
	EQ(get_be32(f->out + 4 + 20), RPC_GARBAGE_ARGS);
	EQ(twisted(f, V3_WRITE, 20, 6), DECODED_REPLY);
	(void)fake_encode(f);
	EQ(get_be32(f->out + 4 + 20), RPC_GARBAGE_ARGS);
	EQ(twisted(f, V3_WRITE, 16, 3), DECODED_REPLY);		/* stable_how */
	(void)fake_encode(f);
	EQ(get_be32(f->out + 4 + 20), RPC_GARBAGE_ARGS);
	EQ(f->job.io.data.n, 0);
	fake_free(&f);
}

CASE(offsets_and_sizes_beyond_the_largest_file_are_told_apart)
{
	struct fake *f = fake_new();
	struct reader r;

	EQ(twisted(f, V3_WRITE, 28, 0x80000000), DECODED_REPLY);
	EQ(stat_of(f), NFS3ERR_FBIG);
	EQ(twisted(f, V3_READ, 12, 0xffffffff), DECODED_OP);
	EQ(f->job.io.offset, INT64_MAX);
	EQ(f->job.io.count, 0);
	EQ(twisted(f, V3_READ, 4, 0xffffffff), DECODED_OP);
	EQ(f->job.io.count, 1 << 20);
	EQ(twisted(f, V3_MKDIR, 24, 0xffffffff), DECODED_REPLY);	/* sattr3.size */
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3ERR_NOSPC);		/* MKDIR may not say FBIG */
	EQ(twisted(f, V3_MKDIR, 4, 1000000000), DECODED_REPLY);
	EQ(stat_of(f), NFS3ERR_INVAL);
	fake_free(&f);
}

CASE(types_that_mknod_cannot_make_are_badtype)
{
	static const uint32_t types[] = { 0, 1, 2, 5, 8, 0xffffffff };
	struct fake *f = fake_new();

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct writer w = writer_of(message, sizeof message);

		fake_head(&w, 1, V3_PROGRAM, V3_VERSION, V3_MKNOD);
		fake_handle(&w, FAKE_DIR);
		xdr_put_str(&w, "node");
		xdr_put_u32(&w, types[i]);
		EQ(fake_decode(f, message, w.len), DECODED_REPLY);
		EQ(stat_of(f), NFS3ERR_BADTYPE);
	}
	fake_free(&f);
}

/* READ cites the gathered slices and pads behind them. */
CASE(a_reads_payload_is_cited_and_padded)
{
	struct fake *f = asked(V3_READ);
	struct buf *b = buf_new(100);
	struct reader r;

	TRUE(chain_push(&f->job.io.data, &f->job.arena,
	    (struct slice){ b, b->bytes, 30 }) == OK);
	TRUE(chain_push(&f->job.io.data, &f->job.arena,
	    (struct slice){ b, b->bytes + 50, 11 }) == OK);
	fake_answer(f);
	f->job.op.res.read.count = 41;
	f->job.op.res.read.eof = true;
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3_OK);
	reader_skip(&r, 88);
	EQ(xdr_u32(&r), 41);
	EQ(xdr_bool(&r), true);
	EQ(xdr_u32(&r), 41);
	EQ(reader_left(&r), 3);
	EQ(f->w.ncites, 2);
	EQ(f->w.cites[0].at, f->w.len - 3);
	TRUE(f->w.cites[1].bytes.at == b->bytes + 50);
	EQ(get_be32(f->out) & 0x7fffffff, f->w.len - 4 + 41);
	fake_free(&f);
	EQ(atomic_load(&b->refs.n), 1);
	buf_put(&b);
}

CASE(a_read_that_cannot_be_cited_whole_is_shorter_and_not_at_its_end)
{
	struct fake *f = asked(V3_READ);
	struct reader r;

	for (int i = 0; i < 100; i++)
		TRUE(chain_push(&f->job.io.data, &f->job.arena,
		    slice_of("0123456789", 10)) == OK);
	fake_answer(f);
	f->job.op.res.read.count = 1000;
	f->job.op.res.read.eof = true;
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3_OK);
	reader_skip(&r, 88);
	EQ(xdr_u32(&r), 640);
	EQ(xdr_bool(&r), false);
	EQ(f->w.ncites, 64);
	fake_free(&f);
}

static struct dir_entry entries[4096];

/* Ask with these limits, answer with n entries with names of that length; the results. */
static struct reader
listed(struct fake *f, uint32_t proc, uint32_t limit, uint32_t n, uint32_t name_len)
{
	static const uint8_t name[256] = "n";

	(void)twisted(f, proc, 4, limit);
	fake_answer(f);
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct dir_entry){ .ino = 100 + i, .gen = 1,
			.type = TYPE_REG, .cookie = 1000 + i,
			.name = slice_of(name, name_len),
			.has_attr = i % 3 != 2,
			.attr = { .type = TYPE_REG, .ino = 100 + i } };
	f->job.op.res.readdir.v = entries;
	f->job.op.res.readdir.n = n;
	f->job.op.res.readdir.eof = true;
	f->job.op.res.readdir.verf = 1;
	return fake_encode(f);
}

/* Read a list; how many entries, and whether it says it is the end. */
static uint32_t
count_entries(struct reader *r, bool plus, bool *eof)
{
	uint32_t n = 0;

	if (xdr_bool(r))
		reader_skip(r, 84);
	EQ(xdr_u64(r), 1);
	while (xdr_bool(r)) {
		EQ(xdr_u64(r), 100 + n);
		(void)xdr_opaque(r, 255);
		EQ(xdr_u64(r), 1000 + n);
		if (plus && xdr_bool(r))
			reader_skip(r, 84);
		if (plus && xdr_bool(r))
			EQ(xdr_opaque(r, 64).len, HANDLE_BYTES);
		n++;
	}
	*eof = xdr_bool(r);
	EQ(reader_ok(r), true);
	EQ(reader_left(r), 0);
	return n;
}

CASE(a_directorys_list_never_exceeds_its_limit_and_fills_it)
{
	struct fake *f = fake_new();

	for (uint32_t plus = 0; plus < 2; plus++)
		for (uint32_t limit = 0; limit < 3000; limit += 4) {
			uint32_t proc = plus ? V3_READDIRPLUS : V3_READDIR, n;
			struct reader r = listed(f, proc, limit, 100, 1 + limit % 9);
			uint32_t body;
			bool eof;

			if (xdr_u32(&r) != NFS3_OK) {
				TRUE(limit < 104 + (plus ? 168 : 24) + 12);
				continue;
			}
			body = (uint32_t)reader_left(&r);
			TRUE(body <= limit);
			n = count_entries(&r, plus, &eof);
			TRUE(n >= 1);
			EQ(eof, n == 100);
			TRUE(n == 100 || body + 24 + 12 + 144 > limit);
		}
	fake_free(&f);
}

CASE(a_list_into_which_nothing_fits_is_toosmall_and_an_empty_one_is_not)
{
	struct fake *f = fake_new();
	struct reader r;
	bool eof;

	r = listed(f, V3_READDIR, 104 + 24 + 3, 1, 4);
	EQ(xdr_u32(&r), NFS3ERR_TOOSMALL);
	EQ(reader_left(&r), 88);
	r = listed(f, V3_READDIR, 104 + 24 + 4, 1, 4);
	EQ(xdr_u32(&r), NFS3_OK);
	r = listed(f, V3_READDIR, 104, 0, 4);
	EQ(xdr_u32(&r), NFS3_OK);
	EQ(count_entries(&r, false, &eof), 0);
	TRUE(eof);
	r = listed(f, V3_READDIR, 103, 0, 4);
	EQ(xdr_u32(&r), NFS3ERR_TOOSMALL);
	fake_free(&f);
}

CASE(a_huge_limit_is_cut_to_what_a_reply_may_be)
{
	struct fake *f = fake_new();
	struct reader r = listed(f, V3_READDIRPLUS, 0xffffffff, 4096, 255);
	bool eof;

	EQ(f->job.op.arg.readdir.bytes_max, V3_DIR_BYTES_MAX - 104);
	EQ(f->job.op.arg.readdir.names_max, 512);
	EQ(f->job.op.arg.readdir.entry_bytes, 168);
	EQ(xdr_u32(&r), NFS3_OK);
	TRUE(reader_left(&r) <= V3_DIR_BYTES_MAX);
	TRUE(count_entries(&r, true, &eof) > 100);
	FALSE(eof);
	fake_free(&f);
}

CASE(an_estimate_for_vfs_is_never_smaller_than_an_entry)
{
	for (uint32_t len = 1; len <= 255; len++) {
		struct fake *f = fake_new();
		struct reader r = listed(f, V3_READDIRPLUS, 65536, 1, len);

		EQ(xdr_u32(&r), NFS3_OK);
		EQ(reader_left(&r),
		    104 + f->job.op.arg.readdir.entry_bytes + xdr_padded(len));
		fake_free(&f);
	}
}

CASE(a_reply_that_does_not_fit_is_a_system_error_and_gives_its_citations_back)
{
	struct fake *f = asked(V3_READ);
	struct buf *b = buf_new(100);

	TRUE(chain_push(&f->job.io.data, &f->job.arena,
	    (struct slice){ b, b->bytes, 99 }) == OK);
	fake_answer(f);
	f->job.op.res.read.count = 99;
	f->w = writer_of(f->out, 4 + 24 + 4 + 88 + 12);	/* no room for one byte of fill */
	f->w.cites = f->cites;
	f->w.cites_max = 64;
	f->job.protocol->encode(&f->job, &f->w);
	TRUE(writer_ok(&f->w));
	EQ(f->w.len, 28);
	EQ(f->w.ncites, 0);
	EQ(f->w.cited_bytes, 0);
	EQ(get_be32(f->out), 0x80000000u | 24);
	EQ(get_be32(f->out + 24), RPC_SYSTEM_ERR);
	fake_free(&f);
	EQ(atomic_load(&b->refs.n), 1);
	buf_put(&b);
}

CASE(fsinfo_and_pathconf_say_what_we_keep)
{
	struct fake *f = asked(V3_FSINFO);
	struct reader r;

	fake_answer(f);
	r = fake_encode(f);
	reader_skip(&r, 4 + 88);
	EQ(xdr_u32(&r), 1 << 20);
	EQ(xdr_u32(&r), 1 << 20);
	reader_skip(&r, 4);
	EQ(xdr_u32(&r), 1 << 20);
	EQ(xdr_u32(&r), 1 << 20);
	reader_skip(&r, 4);
	EQ(xdr_u32(&r), 65536);
	EQ(xdr_u64(&r), INT64_MAX);
	EQ(xdr_u64(&r), 1);
	EQ(xdr_u32(&r), 0x1b);
	EQ(reader_left(&r), 0);
	fake_free(&f);
	f = asked(V3_PATHCONF);
	fake_answer(f);
	r = fake_encode(f);
	reader_skip(&r, 4 + 88);
	EQ(xdr_u32(&r), LINKS_MAX);
	EQ(xdr_u32(&r), 255);
	EQ(xdr_u64(&r), 0x100000001);
	EQ(xdr_u64(&r), 1);
	EQ(reader_left(&r), 0);
	fake_free(&f);
}

CASE(a_rename_within_a_directory_says_its_attributes_twice)
{
	struct fake *f = asked(V3_RENAME);
	struct reader r;

	f->job.op.file2 = f->job.op.file;
	fake_answer(f);
	f->job.op.on2 = (struct op_pair){ 0 };
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3_OK);
	EQ(reader_left(&r), 2 * V3_WCC_BYTES);
	EQ_MEM(r.at, r.at + V3_WCC_BYTES, V3_WCC_BYTES);
	fake_free(&f);
}

CASE(null_says_nothing)
{
	struct fake *f = asked(V3_NULL);
	struct reader r = fake_encode(f);

	EQ(reader_left(&r), 0);
	EQ(f->w.len, 28);
	fake_free(&f);
}

/* Every status, from every procedure, ends at an error that the procedure may give. */
CASE(every_status_of_every_procedure_is_an_error_of_nfs3)
{
	for (uint32_t p = 1; p < V3_PROC_COUNT; p++)
		for (int st = 1; st < ST_COUNT; st++) {
			enum nfsstat3 e = v3_error(p, (enum status)st);

			TRUE(e != NFS3_OK);
			TRUE(e <= NFS3ERR_REMOTE || (e >= NFS3ERR_BADHANDLE &&
			    e <= NFS3ERR_JUKEBOX));
		}
}

CASE(errors_are_narrowed_to_what_a_procedure_may_say)
{
	EQ(v3_error(V3_LOOKUP, OK), NFS3_OK);
	EQ(v3_error(V3_LOOKUP, ST_NOENT), NFS3ERR_NOENT);
	EQ(v3_error(V3_LOOKUP, ST_NAME_INVAL), NFS3ERR_ACCES);
	EQ(v3_error(V3_GETATTR, ST_NOSPC), NFS3ERR_IO);
	EQ(v3_error(V3_FSINFO, ST_IO), NFS3ERR_SERVERFAULT);
	EQ(v3_error(V3_COMMIT, ST_DQUOT), NFS3ERR_DQUOT);
	EQ(v3_error(V3_READ, ST_SYMLINK), NFS3ERR_INVAL);
	EQ(v3_error(V3_REMOVE, ST_NOTEMPTY), NFS3ERR_ACCES);
	EQ(v3_error(V3_RMDIR, ST_NOTEMPTY), NFS3ERR_NOTEMPTY);
	EQ(v3_error(V3_GETATTR, ST_DELAY), NFS3ERR_JUKEBOX);
	EQ(v3_error(V3_WRITE, ST_MISMATCH), NFS3ERR_SERVERFAULT);
}
