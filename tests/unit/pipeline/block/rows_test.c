/* A container's row as a scan meets it. */
#include "pipeline/block/rows.h"

#include "pipeline/record/key.h"
#include "tests/lib/check.h"

CASE(a_row_is_seen_with_its_number_or_not_at_all)
{
	struct container_row row = { .state = CONTAINER_LIVE, .remote = true, .bytes = 4096,
		.chunks = 1, .fence = 3 };
	struct key key = key_container(77);
	struct container_seen seen = { .number = 1 };
	struct version v = { .exists = true, .lsn = 9 };
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_container_encode(&w, &row);
	v.body = slice_of(room, w.len - 1);
	EQ(rows_container_seen(key_slice(&key), &v, &seen), ST_CORRUPT);
	v.body = slice_of(room, w.len);
	EQ(rows_container_seen(slice_of(key.bytes, key.len - 1), &v, &seen), ST_CORRUPT);
	EQ(seen.number, 1);
	EQ(rows_container_seen(key_slice(&key), &v, &seen), OK);
	EQ(seen.number, 77);
	EQ(seen.lsn, 9);
	EQ(seen.row.bytes, 4096);
	EQ(seen.row.fence, 3);
	TRUE(seen.row.remote && !seen.row.local);
}
