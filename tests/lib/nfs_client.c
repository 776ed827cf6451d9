/*
 * NFSv3 from the client's side: arguments out, results in.
 */
#include "tests/lib/nfs_client.h"

#include <stdlib.h>
#include <string.h>

const char *
nfs_stat_name(int status)
{
	static const struct { int status; const char *name; } table[] = {
		{ NFS_OK, "OK" }, { NFS_PERM, "PERM" }, { NFS_NOENT, "NOENT" }, { NFS_IO, "IO" },
		{ NFS_NXIO, "NXIO" }, { NFS_ACCES, "ACCES" }, { NFS_EXIST, "EXIST" },
		{ NFS_XDEV, "XDEV" }, { NFS_NODEV, "NODEV" }, { NFS_NOTDIR, "NOTDIR" },
		{ NFS_ISDIR, "ISDIR" }, { NFS_INVAL, "INVAL" }, { NFS_FBIG, "FBIG" },
		{ NFS_NOSPC, "NOSPC" }, { NFS_ROFS, "ROFS" }, { NFS_MLINK, "MLINK" },
		{ NFS_NAMETOOLONG, "NAMETOOLONG" }, { NFS_NOTEMPTY, "NOTEMPTY" },
		{ NFS_DQUOT, "DQUOT" }, { NFS_STALE, "STALE" }, { NFS_REMOTE, "REMOTE" },
		{ NFS_BADHANDLE, "BADHANDLE" }, { NFS_NOT_SYNC, "NOT_SYNC" },
		{ NFS_BAD_COOKIE, "BAD_COOKIE" }, { NFS_NOTSUPP, "NOTSUPP" },
		{ NFS_TOOSMALL, "TOOSMALL" }, { NFS_SERVERFAULT, "SERVERFAULT" },
		{ NFS_BADTYPE, "BADTYPE" }, { NFS_JUKEBOX, "JUKEBOX" }, { NFS_LOST, "(lost)" },
		{ NFS_BAD_REPLY, "(bad reply)" }, { NFS_RPC_ERROR, "(rpc error)" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].status == status)
			return table[i].name;
	return "(unknown status)";
}

const char *
nfs_proc_name(enum nfs_proc proc)
{
	static const char *const names[NFS_PROCS] = { "NULL", "GETATTR", "SETATTR", "LOOKUP",
		"ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK", "MKNOD",
		"REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO",
		"PATHCONF", "COMMIT" };

	return proc < NFS_PROCS ? names[proc] : "?";
}

static void
enc_fh(struct enc *e, const struct nfs_fh *fh)
{
	enc_opaque(e, fh->bytes, fh->len);
}

static void
enc_time(struct enc *e, struct nfs_time t)
{
	enc_u32(e, t.sec);
	enc_u32(e, t.nsec);
}

static void
enc_maybe(struct enc *e, bool set, uint32_t value)
{
	enc_u32(e, set);
	if (set)
		enc_u32(e, value);
}

static void
enc_sattr(struct enc *e, const struct nfs_sattr *a)
{
	enc_maybe(e, a->mode_set, a->mode);
	enc_maybe(e, a->uid_set, a->uid);
	enc_maybe(e, a->gid_set, a->gid);
	enc_u32(e, a->size_set);
	if (a->size_set)
		enc_u64(e, a->size);
	enc_u32(e, a->atime_how);
	if (a->atime_how == NFS_CLIENT_TIME)
		enc_time(e, a->atime);
	enc_u32(e, a->mtime_how);
	if (a->mtime_how == NFS_CLIENT_TIME)
		enc_time(e, a->mtime);
}

static void
enc_create(struct enc *e, const struct nfs_call *c)
{
	enc_u32(e, c->how);
	if (c->how == NFS_EXCLUSIVE)
		enc_raw(e, c->verf, 8);
	else
		enc_sattr(e, &c->attr);
}

static void
enc_mknod(struct enc *e, const struct nfs_call *c)
{
	enc_u32(e, c->type);
	if (c->type == NFS_REG || c->type == NFS_DIR || c->type == NFS_LNK || c->type > NFS_FIFO)
		return;
	enc_sattr(e, &c->attr);
	if (c->type == NFS_CHR || c->type == NFS_BLK)
		enc_u32(e, c->major), enc_u32(e, c->minor);
}

/* What follows the file handle, or the directory and name, of each procedure. */
static void
enc_rest(struct enc *e, const struct nfs_call *c)
{
	switch (c->proc) {
	case NFS_SETATTR:
		enc_sattr(e, &c->attr);
		enc_u32(e, c->guard);
		if (c->guard)
			enc_time(e, c->guard_ctime);
		break;
	case NFS_ACCESS:
		enc_u32(e, c->access);
		break;
	case NFS_READ:
	case NFS_COMMIT:
		enc_u64(e, c->offset);
		enc_u32(e, c->count);
		break;
	case NFS_WRITE:
		enc_u64(e, c->offset);
		enc_u32(e, c->count);
		enc_u32(e, c->stable);
		enc_opaque(e, c->data, c->data_len);
		break;
	case NFS_CREATE:
		enc_create(e, c);
		break;
	case NFS_MKDIR:
		enc_sattr(e, &c->attr);
		break;
	case NFS_SYMLINK:
		enc_sattr(e, &c->attr);
		enc_string(e, c->to_name);
		break;
	case NFS_MKNOD:
		enc_mknod(e, c);
		break;
	case NFS_RENAME:
	case NFS_LINK:
		enc_fh(e, c->to_fh);
		enc_string(e, c->to_name);
		break;
	case NFS_READDIR:
	case NFS_READDIRPLUS:
		enc_u64(e, c->cookie);
		enc_raw(e, c->verf, 8);
		if (c->proc == NFS_READDIRPLUS)
			enc_u32(e, c->dircount);
		enc_u32(e, c->count);
		break;
	default:
		break;
	}
}

void
nfs_enc_args(struct enc *e, const struct nfs_call *c)
{
	if (c->proc == NFS_NULL)
		return;
	enc_fh(e, c->fh);
	if (c->proc == NFS_LOOKUP || (c->proc >= NFS_CREATE && c->proc <= NFS_RENAME))
		enc_string(e, c->name);
	enc_rest(e, c);
}

void
nfs_enc_call(struct enc *e, uint32_t xid, const struct rpc_cred *cred,
    const struct nfs_call *call)
{
	rpc_begin(e, xid, cred, NFS_PROG, NFS_V3, call->proc);
	nfs_enc_args(e, call);
}

static struct nfs_time
dec_time(struct dec *d)
{
	struct nfs_time t = { .sec = dec_u32(d) };

	t.nsec = dec_u32(d);
	if (t.nsec >= 1000000000)
		d->bad = true;
	return t;
}

static void
dec_attr(struct dec *d, struct nfs_attr *a)
{
	a->type = dec_u32(d);
	if (a->type < NFS_REG || a->type > NFS_FIFO)
		d->bad = true;
	a->mode = dec_u32(d);
	a->nlink = dec_u32(d);
	a->uid = dec_u32(d);
	a->gid = dec_u32(d);
	a->size = dec_u64(d);
	a->used = dec_u64(d);
	a->major = dec_u32(d);
	a->minor = dec_u32(d);
	a->fsid = dec_u64(d);
	a->fileid = dec_u64(d);
	a->atime = dec_time(d);
	a->mtime = dec_time(d);
	a->ctime = dec_time(d);
	a->ok = !d->bad;
}

static void
dec_post_attr(struct dec *d, struct nfs_attr *a)
{
	if (dec_bool(d))
		dec_attr(d, a);
}

static void
dec_wcc(struct dec *d, struct nfs_wcc *w)
{
	w->before_ok = dec_bool(d);
	if (w->before_ok) {
		w->size = dec_u64(d);
		w->mtime = dec_time(d);
		w->ctime = dec_time(d);
	}
	dec_post_attr(d, &w->after);
}

static void
dec_fh(struct dec *d, struct nfs_fh *fh)
{
	const uint8_t *bytes = dec_opaque(d, NFS_FH_MAX, &fh->len);

	if (!d->bad)
		memcpy(fh->bytes, bytes, fh->len);
}

static void
dec_text(struct dec *d, char *text, size_t room)
{
	uint32_t len;
	const uint8_t *bytes = dec_opaque(d, room - 1, &len);

	if (bytes != NULL) {
		memcpy(text, bytes, len);
		text[len] = '\0';
	}
}

static void
dec_verf(struct dec *d, uint8_t verf[8])
{
	const uint8_t *bytes = dec_raw(d, 8);

	if (bytes != NULL)
		memcpy(verf, bytes, 8);
}

static void
dec_made(struct dec *d, struct nfs_res *r)
{
	if (r->status == NFS_OK) {
		r->fh_ok = dec_bool(d);
		if (r->fh_ok)
			dec_fh(d, &r->fh);
		dec_post_attr(d, &r->obj);
	}
	dec_wcc(d, &r->wcc);
}

static void
dec_entries(struct dec *d, struct nfs_res *r, bool plus)
{
	size_t room = 0;

	dec_post_attr(d, &r->dir);
	if (r->status != NFS_OK)
		return;
	dec_verf(d, r->verf);
	while (dec_bool(d) && !d->bad && r->entry_count < NFS_ENTRIES_MAX) {
		struct nfs_entry *x;

		if (r->entry_count == room) {
			room = room * 2 + 16;
			r->entries = realloc(r->entries, room * sizeof *r->entries);
			if (r->entries == NULL)
				abort();
		}
		x = &r->entries[r->entry_count++];
		memset(x, 0, sizeof *x);
		x->fileid = dec_u64(d);
		dec_text(d, x->name, sizeof x->name);
		x->cookie = dec_u64(d);
		if (!plus)
			continue;
		dec_post_attr(d, &x->attr);
		x->fh_ok = dec_bool(d);
		if (x->fh_ok)
			dec_fh(d, &x->fh);
	}
	r->eof = dec_bool(d);
}

static void
dec_fs(struct dec *d, enum nfs_proc proc, struct nfs_res *r)
{
	dec_post_attr(d, &r->obj);
	if (r->status != NFS_OK)
		return;
	if (proc == NFS_FSSTAT) {
		r->total_bytes = dec_u64(d);
		r->free_bytes = dec_u64(d);
		r->avail_bytes = dec_u64(d);
		r->total_files = dec_u64(d);
		r->free_files = dec_u64(d);
		r->avail_files = dec_u64(d);
		r->invarsec = dec_u32(d);
	} else if (proc == NFS_FSINFO) {
		r->rtmax = dec_u32(d);
		r->rtpref = dec_u32(d);
		r->rtmult = dec_u32(d);
		r->wtmax = dec_u32(d);
		r->wtpref = dec_u32(d);
		r->wtmult = dec_u32(d);
		r->dtpref = dec_u32(d);
		r->maxfilesize = dec_u64(d);
		r->time_delta = dec_time(d);
		r->properties = dec_u32(d);
	} else {
		r->linkmax = dec_u32(d);
		r->name_max = dec_u32(d);
		r->no_trunc = dec_bool(d);
		r->chown_restricted = dec_bool(d);
		r->case_insensitive = dec_bool(d);
		r->case_preserving = dec_bool(d);
	}
}

static void
dec_read_link(struct dec *d, enum nfs_proc proc, struct nfs_res *r)
{
	dec_post_attr(d, &r->obj);
	if (r->status != NFS_OK)
		return;
	if (proc == NFS_READLINK) {
		dec_text(d, r->path, sizeof r->path);
	} else if (proc == NFS_ACCESS) {
		r->access = dec_u32(d);
	} else {
		r->count = dec_u32(d);
		r->eof = dec_bool(d);
		r->data = dec_opaque(d, RPC_RECORD_MAX, &r->data_len);
		if (r->count != r->data_len)
			d->bad = true;
	}
}

static void
dec_result(struct dec *d, enum nfs_proc proc, struct nfs_res *r)
{
	bool ok = r->status == NFS_OK;

	switch (proc) {
	case NFS_GETATTR:
		if (ok)
			dec_attr(d, &r->obj);
		break;
	case NFS_LOOKUP:
		if (ok) {
			dec_fh(d, &r->fh);
			r->fh_ok = true;
			dec_post_attr(d, &r->obj);
		}
		dec_post_attr(d, &r->dir);
		break;
	case NFS_ACCESS:
	case NFS_READLINK:
	case NFS_READ:
		dec_read_link(d, proc, r);
		break;
	case NFS_WRITE:
	case NFS_COMMIT:
		dec_wcc(d, &r->wcc);
		if (ok && proc == NFS_WRITE) {
			r->count = dec_u32(d);
			r->committed = dec_u32(d);
			if (r->committed > NFS_FILE_SYNC)
				d->bad = true;
		}
		if (ok)
			dec_verf(d, r->verf);
		break;
	case NFS_CREATE: case NFS_MKDIR: case NFS_SYMLINK: case NFS_MKNOD:
		dec_made(d, r);
		break;
	case NFS_SETATTR:
	case NFS_REMOVE:
	case NFS_RMDIR:
		dec_wcc(d, &r->wcc);
		break;
	case NFS_RENAME:
		dec_wcc(d, &r->wcc);
		dec_wcc(d, &r->to_wcc);
		break;
	case NFS_LINK:
		dec_post_attr(d, &r->obj);
		dec_wcc(d, &r->to_wcc);
		break;
	case NFS_READDIR:
	case NFS_READDIRPLUS:
		dec_entries(d, r, proc == NFS_READDIRPLUS);
		break;
	case NFS_FSSTAT:
	case NFS_FSINFO:
	case NFS_PATHCONF:
		dec_fs(d, proc, r);
		break;
	default:
		break;
	}
}

int
nfs_dec_reply(struct rpc_reply *reply, enum nfs_proc proc, struct nfs_res *r)
{
	struct dec *d;

	nfs_res_free(r);
	r->rpc = *reply;
	d = &r->rpc.body;
	if (reply->state != RPC_ACCEPTED || reply->accept != RPC_SUCCESS)
		return r->status = NFS_RPC_ERROR;
	if (proc != NFS_NULL) {
		r->status = (int)dec_u32(d);
		if (strcmp(nfs_stat_name(r->status), "(unknown status)") == 0 || r->status < 0)
			d->bad = true;
		else
			dec_result(d, proc, r);
	}
	if (!dec_done(d))
		r->status = NFS_BAD_REPLY;
	return r->status;
}

void
nfs_res_free(struct nfs_res *res)
{
	rpc_reply_free(&res->rpc);
	free(res->entries);
	memset(res, 0, sizeof *res);
}

struct nfs
nfs_dial(const char *host, int port, uint32_t uid, uint32_t gid)
{
	struct nfs n = { .conn = rpc_dial(host, port),
		.cred = { .flavor = RPC_AUTH_SYS, .uid = uid, .gid = gid } };

	return n;
}

void
nfs_hangup(struct nfs *nfs)
{
	rpc_hangup(nfs->conn);
	nfs->conn = NULL;
}

bool
nfs_send(struct nfs *n, const struct nfs_call *call)
{
	struct enc e = { 0 };
	bool ok;

	n->xid = n->conn->xid_next++;
	nfs_enc_call(&e, n->xid, &n->cred, call);
	ok = rpc_send_record(n->conn, e.bytes, e.len);
	enc_free(&e);
	return ok;
}

int
nfs_recv(struct nfs *n, enum nfs_proc proc, uint32_t xid, struct nfs_res *res)
{
	struct rpc_reply reply;

	if (!rpc_wait(n->conn, xid, &reply)) {
		nfs_res_free(res);
		return res->status = NFS_LOST;
	}
	return nfs_dec_reply(&reply, proc, res);
}

int
nfs_run(struct nfs *n, const struct nfs_call *call, struct nfs_res *res)
{
	if (n->conn == NULL || !nfs_send(n, call)) {
		nfs_res_free(res);
		return res->status = NFS_LOST;
	}
	return nfs_recv(n, call->proc, n->xid, res);
}
