/*
 * Keys are written here alone: a table's byte, then big-endian numbers, so that the order of bytes
 * is the order of numbers in every store.
 */
#include "pipeline/record/key.h"

static struct key
key_start(enum table_tag tag)
{
	struct key k = { .len = 1 };

	k.bytes[0] = (uint8_t)tag;
	return k;
}

static void
key_add_u64(struct key *k, uint64_t v)
{
	put_be64(k->bytes + k->len, v);
	k->len = (uint16_t)(k->len + 8);
}

static struct key
key_one(enum table_tag tag, uint64_t a)
{
	struct key k = key_start(tag);

	key_add_u64(&k, a);
	return k;
}

static struct key
key_two(enum table_tag tag, uint64_t a, uint64_t b)
{
	struct key k = key_one(tag, a);

	key_add_u64(&k, b);
	return k;
}

struct key key_inode(uint64_t ino) { return key_one(TAG_INODE, ino); }
struct key
key_dirent(uint64_t dir, uint64_t cookie_slot)
{
	return key_two(TAG_DIRENT, dir, cookie_slot);
}
struct key key_dirent_prefix(uint64_t dir) { return key_one(TAG_DIRENT, dir); }
struct key key_orphan(uint64_t ino) { return key_one(TAG_ORPHAN, ino); }
struct key key_map(uint64_t content, uint64_t window) { return key_two(TAG_MAP, content, window); }
struct key key_map_prefix(uint64_t content) { return key_one(TAG_MAP, content); }
struct key key_leaf(uint64_t leaf) { return key_one(TAG_LEAF, leaf); }
struct key key_container(uint64_t container) { return key_one(TAG_CONTAINER, container); }
struct key key_reap(uint64_t content, uint64_t from) { return key_two(TAG_REAP, content, from); }
struct key key_snapshot(uint64_t epoch) { return key_one(TAG_SNAPSHOT, epoch); }

struct key
key_link(uint64_t ino, uint64_t dir, uint64_t dirent_key)
{
	struct key k = key_two(TAG_LINK, ino, dir);

	key_add_u64(&k, dirent_key);
	return k;
}

struct key
key_chunk(const uint8_t digest[32])
{
	struct key k = key_start(TAG_CHUNK);

	memcpy(k.bytes + 1, digest, 32);
	k.len = 33;
	return k;
}

struct key
key_count(uint8_t what, const void *id, uint16_t len)
{
	struct key k = key_start(TAG_COUNT);

	assert(len <= sizeof k.bytes - 2);
	k.bytes[1] = what;
	if (len > 0)
		memcpy(k.bytes + 2, id, len);
	k.len = (uint16_t)(2 + len);
	return k;
}

struct key
key_share(uint8_t what)
{
	struct key k = key_start(TAG_SHARE);

	k.bytes[1] = what;
	k.len = 2;
	return k;
}

bool
table_versioned(uint8_t tag)
{
	return table_lists_changes(tag) || tag == TAG_MAP;
}

bool
table_lists_changes(uint8_t tag)
{
	return tag == TAG_INODE || tag == TAG_DIRENT || tag == TAG_LINK || tag == TAG_XATTR;
}

uint32_t
key_history(uint8_t *to, struct slice key, uint64_t epoch)
{
	assert(key.len > 0 && key.len <= KEY_INNER_MAX);
	to[0] = TAG_HISTORY;
	memcpy(to + 1, key.at, key.len);
	put_be64(to + 1 + key.len, epoch);
	return key.len + KEY_AROUND;
}

uint32_t
key_changed(uint8_t *to, struct slice key, uint64_t epoch)
{
	assert(key.len > 0 && key.len <= KEY_INNER_MAX);
	to[0] = TAG_CHANGED;
	put_be64(to + 1, epoch);
	memcpy(to + KEY_AROUND, key.at, key.len);
	return key.len + KEY_AROUND;
}

bool
key_history_split(struct slice row, struct slice *key, uint64_t *epoch)
{
	if (row.len <= KEY_AROUND || row.len > KEY_MAX || row.at[0] != TAG_HISTORY)
		return false;
	*key = slice_sub(row, 1, row.len - KEY_AROUND);
	*epoch = get_be64(row.at + row.len - 8);
	return true;
}

bool
key_changed_split(struct slice row, struct slice *key, uint64_t *epoch)
{
	if (row.len <= KEY_AROUND || row.len > KEY_MAX || row.at[0] != TAG_CHANGED)
		return false;
	*key = slice_sub(row, KEY_AROUND, row.len - KEY_AROUND);
	*epoch = get_be64(row.at + 1);
	return true;
}
