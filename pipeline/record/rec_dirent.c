/*
 * Directory entries and the share's own row, both read whole and believed only when every byte
 * makes sense.
 */
#include "pipeline/record/rec.h"

#include "pipeline/base/reader.h"
#include "pipeline/model/name.h"

enum { DIRENT_VERSION = 1, SHARE_VERSION = 1 };

/* u8 version | u8 type | u16 name bytes | u32 gen | u64 ino | name */
void
rec_dirent_encode(struct writer *w, const struct dirent *d)
{
	write_u8(w, DIRENT_VERSION);
	write_u8(w, d->type);
	write_le16(w, (uint16_t)d->name.len);
	write_le32(w, d->gen);
	write_le64(w, d->ino);
	write_bytes(w, d->name.at, d->name.len);
	if (d->name.len > NAME_BYTES_MAX)
		w->failed = true;
}

/* An empty row has nothing at all; any other has a type, a number and a legal name. */
static bool
dirent_sane(const struct dirent *d)
{
	if (d->type == 0)
		return d->ino == 0 && d->gen == 0 && d->name.len == 0;
	return d->type <= TYPE_FIFO && d->ino != 0 && name_check(d->name) == OK;
}

enum status
rec_dirent_decode(struct slice body, struct dirent *d)
{
	struct reader r = reader_of_slice(body);
	uint8_t version = read_u8(&r);
	struct dirent e = { .type = read_u8(&r) };
	uint16_t len = read_le16(&r);

	e.gen = read_le32(&r);
	e.ino = read_le64(&r);
	e.name = read_slice(&r, len);
	if (!reader_ok(&r) || reader_left(&r) != 0 || version != DIRENT_VERSION || !dirent_sane(&e))
		return ST_CORRUPT;
	*d = e;
	return OK;
}

void
rec_share_encode(struct writer *w, const struct share_row *s)
{
	write_u8(w, SHARE_VERSION);
	write_zeroes(w, 3);
	write_le32(w, s->fold_version);
	write_le64(w, s->share);
	write_le64(w, s->fsid);
	write_bytes(w, s->share_id, sizeof s->share_id);
	write_bytes(w, s->journal_id, sizeof s->journal_id);
	write_bytes(w, s->handle_key, sizeof s->handle_key);
	write_bytes(w, s->name_key, sizeof s->name_key);
	write_bytes(w, s->digest_key, sizeof s->digest_key);
}

enum status
rec_share_decode(struct slice body, struct share_row *s)
{
	struct reader r = reader_of_slice(body);
	uint32_t head = read_le32(&r);
	struct share_row t = { .fold_version = read_le32(&r) };

	t.share = read_le64(&r);
	t.fsid = read_le64(&r);
	read_copy(&r, t.share_id, sizeof t.share_id);
	read_copy(&r, t.journal_id, sizeof t.journal_id);
	read_copy(&r, t.handle_key, sizeof t.handle_key);
	read_copy(&r, t.name_key, sizeof t.name_key);
	read_copy(&r, t.digest_key, sizeof t.digest_key);
	if (!reader_ok(&r) || reader_left(&r) != 0 || head != SHARE_VERSION)
		return ST_CORRUPT;
	*s = t;
	return OK;
}
