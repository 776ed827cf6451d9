/*
 * Key layout: a table's byte, then big-endian fields, so that rows which belong together lie
 * together.  Keys are built in place, in a struct of the longest's size.
 *
 * Law: within a versioned table no key is the beginning of another (fixed lengths, or an end mark),
 * for history rows append an epoch to the key and must stay grouped by it.
 */
#ifndef RECORD_KEY_H
#define RECORD_KEY_H

#include "pipeline/base/num.h"
#include "pipeline/base/slice.h"

enum table_tag {			/* on disk: never renumbered */
	TAG_SHARE = 0x01,		/* the share's own row: names of keys, versions */
	TAG_INODE = 0x10,		/* ino → file record */
	TAG_DIRENT = 0x11,		/* dir, h<<16|slot → dirent */
	TAG_LINK = 0x12,		/* ino, dir, key → further names of a file */
	TAG_ORPHAN = 0x13,		/* ino → unlinked but open */
	TAG_XATTR = 0x14,		/* ino, name */
	TAG_MAP = 0x20,			/* content, window → leaf number */
	TAG_LEAF = 0x21,		/* leaf → pieces */
	TAG_CHUNK = 0x22,		/* digest → container, place in it */
	TAG_CONTAINER = 0x23,		/* container → state, sizes */
	TAG_COUNT = 0x30,		/* what, id → counter */
	TAG_REAP = 0x31,		/* content or map range to be taken away */
	TAG_HISTORY = 0x40,		/* key, epoch → old version */
	TAG_CHANGED = 0x41,		/* epoch, key */
	TAG_SNAPSHOT = 0x42,		/* epoch → name, time */
	TAG_INTENT = 0x50,		/* long work under way */
	TAG_CLIENT = 0x60, TAG_OPEN = 0x61, TAG_LOCK = 0x62, TAG_QUOTA = 0x63,
};

enum { KEY_MAX = 512 };

struct key {
	uint16_t len;
	uint8_t bytes[46];	/* the longest of ours but history's, which are built apart */
};

static inline struct slice key_slice(const struct key *k) { return slice_of(k->bytes, k->len); }

struct key key_inode(uint64_t ino);
struct key key_dirent(uint64_t dir, uint64_t cookie_slot);
struct key key_dirent_prefix(uint64_t dir);
struct key key_link(uint64_t ino, uint64_t dir, uint64_t dirent_key);
struct key key_orphan(uint64_t ino);
struct key key_map(uint64_t content, uint64_t window);
struct key key_map_prefix(uint64_t content);
struct key key_leaf(uint64_t leaf);
struct key key_chunk(const uint8_t digest[32]);
struct key key_container(uint64_t container);
struct key key_count(uint8_t what, const void *id, uint16_t len);
struct key key_reap(uint64_t content, uint64_t from_window);
struct key key_snapshot(uint64_t epoch);
struct key key_share(uint8_t what);

/* Are rows of this table versioned: do they leave history?  engine.md §5. */
bool table_versioned(uint8_t tag);

/* Do they leave a `changed` line too?  Not map rows: diff finds them from the inode's line. */
bool table_lists_changes(uint8_t tag);

/* Keys around keys: history(key, epoch) and changed(epoch, key).  key is at most
 * KEY_INNER_MAX bytes; the result's length is its own plus KEY_AROUND. */
enum { KEY_AROUND = 9, KEY_INNER_MAX = KEY_MAX - KEY_AROUND };
uint32_t key_history(uint8_t *to, struct slice key, uint64_t epoch);
uint32_t key_changed(uint8_t *to, struct slice key, uint64_t epoch);

/* And back: false where row is no such key. */
bool key_history_split(struct slice row, struct slice *key, uint64_t *epoch);
bool key_changed_split(struct slice row, struct slice *key, uint64_t *epoch);

enum count_what {			/* COUNT rows; on disk */
	COUNT_USED_BYTES = 1, COUNT_INODES = 2, COUNT_CONTENT = 3, COUNT_LEAF = 4, COUNT_CHUNK = 5,
	COUNT_CONTAINER = 6,
};

#endif
