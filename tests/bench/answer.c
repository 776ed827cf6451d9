/*
 * Constant answers.
 */
#include "tests/bench/answer.h"

enum {
	CALL = 0, REPLY = 1, RPC_VERSION = 2, SUCCESS = 0, PROC_UNAVAIL = 3,
	NFS = 100003, MOUNT = 100005, VERSION = 3,
	NFS_NULL = 0, NFS_GETATTR = 1, NFS_LOOKUP = 3, NFS_ACCESS = 4, NFS_READ = 6, MOUNT_MNT = 1,
	READ_MAX = 4096, AUTH_BYTES_MAX = 400, NAME_MAX_BYTES = 1024, AUTH_SYS = 1,
};

static const uint8_t page[READ_MAX];
static const uint8_t handle[ANSWER_HANDLE_BYTES] = { 1, 0, 1, 0 };

static void
skip_opaque(struct reader *r, uint32_t most)
{
	uint32_t len = read_be32(r);

	if (len > most)
		reader_fail(r);
	else
		reader_skip(r, round_up(len, 4));
}

bool
question_read(struct slice message, struct question *q)
{
	struct reader r = reader_of_slice(message);
	uint32_t version;

	q->xid = read_be32(&r);
	if (read_be32(&r) != CALL || read_be32(&r) != RPC_VERSION)
		return false;
	q->prog = read_be32(&r);
	version = read_be32(&r);
	q->proc = read_be32(&r);
	q->wants = 0;
	for (int i = 0; i < 2; i++) {	/* credentials, verifier */
		read_be32(&r);
		skip_opaque(&r, AUTH_BYTES_MAX);
	}
	if (version != VERSION || (q->prog != NFS && q->prog != MOUNT))
		return false;
	if (q->prog == NFS && q->proc != NFS_NULL) {
		skip_opaque(&r, 64);
		if (q->proc == NFS_LOOKUP)
			skip_opaque(&r, NAME_MAX_BYTES);
		if (q->proc == NFS_ACCESS)
			q->wants = read_be32(&r);
		if (q->proc == NFS_READ) {
			read_be64(&r);
			q->wants = MIN(read_be32(&r), (uint32_t)READ_MAX);
		}
	}
	return reader_ok(&r);
}

static void
put_attr(struct writer *w)
{
	static const uint32_t words[21] = {
		1, 0644, 1, 1000, 1000,		/* type mode nlink uid gid */
		0, READ_MAX, 0, READ_MAX,	/* size used */
		0, 0, 0, 7, 0, 42,		/* rdev fsid fileid */
		1700000000, 0, 1700000000, 0, 1700000000, 0,
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		write_be32(w, words[i]);
}

static void
put_post_attr(struct writer *w)
{
	write_be32(w, 1);
	put_attr(w);
}

static void
put_handle(struct writer *w)
{
	write_be32(w, sizeof handle);
	write_bytes(w, handle, sizeof handle);
}

static void
put_nfs(struct writer *w, const struct question *q)
{
	write_be32(w, 0);		/* NFS3_OK */
	switch (q->proc) {
	case NFS_GETATTR:
		put_attr(w);
		break;
	case NFS_LOOKUP:
		put_handle(w);
		put_post_attr(w);
		put_post_attr(w);
		break;
	case NFS_ACCESS:
		put_post_attr(w);
		write_be32(w, q->wants);
		break;
	case NFS_READ:
		put_post_attr(w);
		write_be32(w, q->wants);
		write_be32(w, 1);
		write_be32(w, q->wants);
		write_bytes(w, page, (uint32_t)round_up(q->wants, 4));
		break;
	}
}

static bool
is_known(const struct question *q)
{
	if (q->prog == MOUNT)
		return q->proc <= MOUNT_MNT;
	return q->proc == NFS_NULL || q->proc == NFS_GETATTR || q->proc == NFS_LOOKUP ||
	    q->proc == NFS_ACCESS || q->proc == NFS_READ;
}

void
answer_write(struct writer *w, const struct question *q)
{
	uint32_t mark = writer_mark(w);

	write_be32(w, 0);
	write_be32(w, q->xid);
	write_be32(w, REPLY);
	write_be32(w, 0);		/* accepted */
	write_be64(w, 0);		/* verifier: none */
	write_be32(w, is_known(q) ? SUCCESS : PROC_UNAVAIL);
	if (is_known(q) && q->proc != NFS_NULL) {
		if (q->prog == NFS) {
			put_nfs(w, q);
		} else {
			write_be32(w, 0);
			put_handle(w);
			write_be32(w, 1);
			write_be32(w, AUTH_SYS);
		}
	}
	writer_patch_be32(w, mark, 0x80000000u | (w->len - mark - 4));
}
