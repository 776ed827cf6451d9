/*
 * Handles to bytes and back.  Everything is checked before anything is believed: length, form,
 * share, MAC; only then are the numbers handed on.
 */
#include "pipeline/share/handle.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

enum { HANDLE_VERSION = 1, HANDLE_KEY = 1, MAC_BYTES = 8, BODY_BYTES = HANDLE_BYTES - MAC_BYTES };

void
handle_encode(const struct share *s, const struct file_id *id, uint8_t to[HANDLE_BYTES])
{
	struct writer w = writer_of(to, HANDLE_BYTES);

	write_u8(&w, HANDLE_VERSION);
	write_u8(&w, id->kind);
	write_u8(&w, HANDLE_KEY);
	write_u8(&w, 0);
	write_be64(&w, id->share);
	write_be64(&w, id->ino);
	write_be32(&w, id->gen);
	write_be64(&w, id->epoch);
	write_be64(&w, id->stream);
	write_be64(&w, siphash24(s->row.handle_key, to, BODY_BYTES));
	assert(writer_ok(&w) && w.len == HANDLE_BYTES);
}

static enum status
read_body(struct slice bytes, struct file_id *id, uint64_t *mac)
{
	struct reader r = reader_of_slice(bytes);
	uint8_t version, key, zero;

	if (bytes.len != HANDLE_BYTES)
		return ST_BADHANDLE;
	version = read_u8(&r);
	id->kind = read_u8(&r);
	key = read_u8(&r);
	zero = read_u8(&r);
	id->share = read_be64(&r);
	id->ino = read_be64(&r);
	id->gen = read_be32(&r);
	id->epoch = read_be64(&r);
	id->stream = read_be64(&r);
	*mac = read_be64(&r);
	if (version != HANDLE_VERSION || key != HANDLE_KEY || zero != 0 ||
	    id->kind > FILE_ATTR_FOLDER)
		return ST_BADHANDLE;
	return OK;
}

/* One comparison of whole words, so its time does not tell how many bytes were right. */
static bool
mac_fits(const struct share *s, struct slice bytes, uint64_t mac)
{
	return siphash24(s->row.handle_key, bytes.at, BODY_BYTES) == mac;
}

enum status
handle_decode(struct slice bytes, struct share **sharep, struct file_id *id)
{
	struct file_id read;
	struct share *s;
	enum status st;
	uint64_t mac;

	st = read_body(bytes, &read, &mac);
	if (st != OK)
		return st;
	s = registry_by_id(read.share);
	if (s == NULL)
		return ST_STALE;
	if (!mac_fits(s, bytes, mac)) {
		share_put(&s);
		return ST_BADHANDLE;
	}
	*sharep = s;
	*id = read;
	return OK;
}

enum status
handle_decode_same(struct slice bytes, const struct share *s, struct file_id *id)
{
	struct file_id read;
	enum status st;
	uint64_t mac;

	st = read_body(bytes, &read, &mac);
	if (st != OK)
		return st;
	if (read.share != s->row.share) {	/* is it a true one of another share's? */
		struct share *other;

		st = handle_decode(bytes, &other, &read);
		if (st != OK)
			return st;
		share_put(&other);
		return ST_XDEV;
	}
	if (!mac_fits(s, bytes, mac))
		return ST_BADHANDLE;
	*id = read;
	return OK;
}
