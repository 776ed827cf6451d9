/*
 * Weak cache consistency data: before and after belong to the reply's own change, whoever else
 * writes.  With one file written by two connections at once, the pairs must chain.  RFC 1813 §2.6.
 */
#include "tests/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 2, EACH = 200, ALL = WRITERS * EACH };

struct pair { uint64_t before, after; struct nfs_time ctime_before, ctime_after; };

static int
by_after(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->after < y->after ? -1 : x->after > y->after;
}

/*
 * Each write lengthens the file by one byte at its own place in the order, so its size tells the
 * order: pair k must begin where pair k - 1 ended.  Writers cannot know the end, so they write
 * at growing offsets and what lies below the end changes no size.
 */
CASE(two_writers_on_one_file_get_pairs_that_chain)
{
	static struct pair pairs[ALL];
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs n[WRITERS] = { wire_dial(), wire_dial() };
	uint32_t xids[WRITERS][EACH];
	size_t count = 0;

	for (int k = 0; k < EACH; k++)
		for (int w = 0; w < WRITERS; w++) {
			struct nfs_call c = { .proc = NFS_WRITE, .fh = &fh, .count = 8,
				.offset = (uint64_t)(k * WRITERS + w) * 8, .data = "8 bytes.",
				.data_len = 8, .stable = NFS_UNSTABLE };

			TRUE(nfs_send(&n[w], &c));
			xids[w][k] = n[w].xid;
		}
	for (int w = 0; w < WRITERS; w++)
		for (int k = 0; k < EACH; k++) {
			WANT(nfs_recv(&n[w], NFS_WRITE, xids[w][k], &res), NFS_OK);
			WCC(res.wcc);
			TRUE(res.wcc.after.size >= res.wcc.size);
			if (res.wcc.after.size == res.wcc.size)
				continue;
			pairs[count++] = (struct pair){ res.wcc.size, res.wcc.after.size,
				res.wcc.ctime, res.wcc.after.ctime };
		}
	nfs_hangup(&n[0]);
	nfs_hangup(&n[1]);
	qsort(pairs, count, sizeof pairs[0], by_after);
	EQ(pairs[0].before, 0);
	for (size_t i = 1; i < count; i++) {
		EQ(pairs[i].before, pairs[i - 1].after);
		TRUE(time_cmp(pairs[i].ctime_before, pairs[i - 1].ctime_after) >= 0);
	}
	EQ(pairs[count - 1].after, ALL * 8);
}

/* nlink of the directory counts the order of MKDIRs; before carries size, mtime, ctime only. */
CASE(two_makers_in_one_directory_get_pairs_that_chain)
{
	struct nfs_fh dir = fresh();
	struct nfs n[WRITERS] = { wire_dial(), wire_dial() };
	static struct { struct nfs_time before, after; uint32_t nlink; } links[ALL];
	uint32_t xids[WRITERS][EACH];
	char name[32];

	memset(links, 0, sizeof links);
	for (int k = 0; k < EACH; k++)
		for (int w = 0; w < WRITERS; w++) {
			struct nfs_call c = { .proc = NFS_MKDIR, .fh = &dir, .name = name,
				.attr = set_mode(0755) };

			snprintf(name, sizeof name, "d%d.%d", w, k);
			TRUE(nfs_send(&n[w], &c));
			xids[w][k] = n[w].xid;
		}
	for (int w = 0; w < WRITERS; w++)
		for (int k = 0; k < EACH; k++) {
			WANT(nfs_recv(&n[w], NFS_MKDIR, xids[w][k], &res), NFS_OK);
			WCC(res.wcc);
			uint32_t at = res.wcc.after.nlink - 3;

			TRUE(at < ALL);
			EQ(links[at].nlink, 0);		/* no two saw the same count */
			links[at].nlink = res.wcc.after.nlink;
			links[at].before = res.wcc.ctime;
			links[at].after = res.wcc.after.ctime;
		}
	nfs_hangup(&n[0]);
	nfs_hangup(&n[1]);
	for (int i = 1; i < ALL; i++)
		EQ(time_cmp(links[i].before, links[i - 1].after), 0);
}

CASE(before_of_a_change_is_after_of_the_last_one)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs_attr last = attr_of(&fh);

	for (int i = 0; i < 10; i++) {
		if (i % 2 == 0)
			WANT(nfs_write(root(), &fh, (uint64_t)i, "x", 1, NFS_UNSTABLE, &res),
			    NFS_OK);
		else
			WANT(nfs_setattr(root(), &fh, set_mode(0600 + (uint32_t)i), &res),
			    NFS_OK);
		WCC(res.wcc);
		EQ(res.wcc.size, last.size);
		EQ(time_cmp(res.wcc.mtime, last.mtime), 0);
		EQ(time_cmp(res.wcc.ctime, last.ctime), 0);
		last = res.wcc.after;
	}
}

/* Two changes that follow each other never show the same ctime: a client's cache relies on it. */
CASE(each_change_moves_ctime)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs_time last = attr_of(&fh).ctime;

	for (int i = 0; i < 50; i++) {
		WANT(nfs_write(root(), &fh, 0, "x", 1, NFS_UNSTABLE, &res), NFS_OK);
		TRUE(time_cmp(res.wcc.after.ctime, last) > 0);
		last = res.wcc.after.ctime;
	}
}

#define DIR_WCC(proc, call)							\
	CASE(proc##_tells_its_directory_before_and_after)			\
	{									\
		struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);\
		make_dir(&dir, "sub", 0755);					\
		struct nfs_time was = attr_of(&dir).mtime;			\
		(void)fh;							\
		sleep_ms(20);							\
		WANT(call, NFS_OK);						\
		struct nfs_wcc *wcc = NFS_##proc == NFS_LINK ? &res.to_wcc : &res.wcc;\
		WCC(*wcc);							\
		EQ(time_cmp(wcc->mtime, was), 0);				\
		TRUE(time_cmp(wcc->after.mtime, was) > 0);			\
		TRUE(time_cmp(wcc->after.ctime, was) > 0);			\
		struct nfs_time told = wcc->after.mtime;			\
		EQ(time_cmp(attr_of(&dir).mtime, told), 0);			\
	}
DIR_WCC(CREATE, nfs_create(root(), &dir, "new", 0644, &res))
DIR_WCC(MKDIR, nfs_mkdir(root(), &dir, "new", 0755, &res))
DIR_WCC(SYMLINK, nfs_symlink(root(), &dir, "new", "x", &res))
DIR_WCC(MKNOD, nfs_mknod(root(), &dir, "new", NFS_FIFO, 0644, &res))
DIR_WCC(REMOVE, nfs_remove(root(), &dir, "file", &res))
DIR_WCC(RMDIR, nfs_rmdir(root(), &dir, "sub", &res))
DIR_WCC(RENAME, nfs_rename(root(), &dir, "file", &dir, "other", &res))
DIR_WCC(LINK, nfs_link(root(), &fh, &dir, "new", &res))

CASE(a_failed_change_tells_attributes_that_did_not_move)
{
	struct nfs_fh dir = fresh();
	struct nfs_attr was;

	make_file(&dir, "file", 0644);
	was = attr_of(&dir);
	WANT(nfs_create(root(), &dir, "file", 0644, &res), NFS_EXIST);
	TRUE(res.wcc.after.ok);
	EQ(time_cmp(res.wcc.after.mtime, was.mtime), 0);
	WANT(nfs_remove(root(), &dir, "nothing", &res), NFS_NOENT);
	TRUE(res.wcc.after.ok);
	EQ(time_cmp(res.wcc.after.ctime, was.ctime), 0);
}
