/*
 * An object in parts, one after the other: an upload is begun, each part put under its number,
 * then the list of parts makes it an object.  Whatever goes wrong in between, the upload is ended
 * before the call is, since a server keeps (and bills) the parts of an upload for ever; one that
 * a crash has left is the bucket's life cycle rule's.  S3 API: CreateMultipartUpload, UploadPart,
 * CompleteMultipartUpload, AbortMultipartUpload.
 */
#include "backends/block/s3/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

enum { ABORT_S = 10, LIST_PART = 80 + 6 * S3_ETAG_MAX, SLICES_BYTES = 1 << 20 };

void
s3_parts_begin(struct s3_op *op)
{
	uint64_t len = op->call->body.len, least = (len + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
	struct s3_parts *p = xcalloc(1, sizeof *p);

	p->part_bytes = MAX(op->store->part_bytes, least);
	p->n = (unsigned)((len + p->part_bytes - 1) / p->part_bytes);
	p->etag = xcalloc(p->n, sizeof *p->etag);
	chain_init(&p->body);
	arena_init(&p->arena, NULL, 0, SLICES_BYTES);
	op->parts = p;
	op->phase = S3_BEGIN;
}

void
s3_parts_free(struct s3_op *op)
{
	struct s3_parts *p = op->parts;

	if (p == NULL)
		return;
	op->parts = NULL;
	chain_clear(&p->body);
	arena_rewind(&p->arena);
	free(p->etag);
	free(p->list);
	free(p);
}

static void
body_clear(struct s3_parts *p)
{
	chain_clear(&p->body);
	arena_rewind(&p->arena);
	chain_init(&p->body);
}

/* The running part's slice of the whole. */
static void
body_part(struct s3_op *op)
{
	struct s3_parts *p = op->parts;
	uint64_t at = p->at * p->part_bytes, len = MIN(p->part_bytes, op->call->body.len - at);

	body_clear(p);
	if (chain_push_part(&p->body, &p->arena, &op->call->body, at, len) != OK)
		op->refused = ST_RESOURCE;
}

static void
xml_escape(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case '&': text_add(t, "&amp;"); break;
		case '<': text_add(t, "&lt;"); break;
		case '>': text_add(t, "&gt;"); break;
		default: text_addn(t, s, 1); break;
		}
}

static void
body_list(struct s3_op *op)
{
	struct s3_parts *p = op->parts;
	size_t cap = (size_t)p->n * LIST_PART + LIST_PART;
	struct text t;

	body_clear(p);
	p->list = xmalloc(cap);
	t = text_of(p->list, cap);
	text_add(&t, "<CompleteMultipartUpload>");
	for (unsigned i = 0; i < p->n; i++) {
		text_addf(&t, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
		xml_escape(&t, p->etag[i]);
		text_add(&t, "</ETag></Part>");
	}
	text_add(&t, "</CompleteMultipartUpload>");
	assert(!t.cut);
	if (chain_push(&p->body, &p->arena, slice_of(p->list, (uint32_t)t.len)) != OK)
		op->refused = ST_RESOURCE;
}

const char *
s3_parts_ask(struct s3_op *op, const struct chain **body)
{
	*body = op->phase == S3_PART || op->phase == S3_COMPLETE ? &op->parts->body : NULL;
	switch (op->phase) {
	case S3_BEGIN: case S3_COMPLETE: return "POST";
	case S3_PART: return "PUT";
	case S3_ABORT: return "DELETE";
	case S3_WHOLE: break;
	}
	panic("an upload in parts without parts");
}

bool
s3_parts_answered(struct s3_op *op, bool *over)
{
	struct s3_parts *p = op->parts;
	const struct s3_wanted id = { "InitiateMultipartUploadResult", "UploadId", p->upload,
	    sizeof p->upload };
	struct text etag;

	switch (op->phase) {
	case S3_BEGIN:
		if (s3_texts_parse(op->answer.body, op->answer.body_len, &id, 1) != OK ||
		    p->upload[0] == '\0')
			return false;
		op->phase = S3_PART;
		body_part(op);
		return true;
	case S3_PART:
		if (op->answer.etag[0] == '\0')
			return false;
		etag = text_of(p->etag[p->at], sizeof p->etag[p->at]);
		text_add(&etag, op->answer.etag);
		p->at++;
		if (p->at < p->n) {
			body_part(op);
		} else {
			op->phase = S3_COMPLETE;
			body_list(op);
		}
		return true;
	case S3_COMPLETE:
		*over = true;
		return true;
	case S3_ABORT: case S3_WHOLE:
		break;
	}
	return false;
}

/* A call that was canceled or is late still ends its upload, but not for long. */
bool
s3_parts_fail(struct s3_op *op, enum status st)
{
	struct s3_parts *p = op->parts;

	if (op->phase == S3_ABORT && st == ST_NOENT)
		return false;
	if (op->phase == S3_ABORT) {
		log_warn("s3.upload_left", F_STR("name", op->call->name));
		return false;
	}
	if (p->upload[0] == '\0')
		return false;
	p->failed = st;
	op->phase = S3_ABORT;
	op->refused = OK;
	atomic_store(&op->r.canceled, false);
	op->r.deadline_ns = clock_mono_ns() + ABORT_S * NS_PER_S;
	return true;
}
