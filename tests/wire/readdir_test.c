/*
 * READDIR and READDIRPLUS: every entry once, by pages of any size, while others remove and add.
 * RFC 1813 §3.3.16, 17.
 */
#include "tests/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1200, DEPTH = 64 };

/* Make or remove names prefix<from>..prefix<to - 1>, some in flight at a time. */
static void
each_name(enum nfs_proc proc, const struct nfs_fh *dir, const char *prefix, int from, int to)
{
	char name[64];

	while (from < to) {
		uint32_t xids[DEPTH];
		int n = 0;

		for (; n < DEPTH && from < to; from++) {
			struct nfs_call c = { .proc = proc, .fh = dir, .name = name,
				.how = NFS_GUARDED, .attr = set_mode(0644) };

			snprintf(name, sizeof name, "%s%d", prefix, from);
			TRUE(nfs_send(root(), &c));
			xids[n++] = root()->xid;
		}
		for (int i = 0; i < n; i++)
			WANT(nfs_recv(root(), proc, xids[i], &res), NFS_OK);
	}
}

/* A walk over a directory, page by page; seen[i] counts the name prefix<i>. */
struct walk {
	struct nfs_fh dir;
	bool plus;
	uint32_t count;
	uint64_t cookie;
	uint8_t verf[8];
	const char *prefix;
	int seen[MANY];
	int others, pages;
};

static bool
walk_page(struct walk *w)
{
	size_t prefix_len = strlen(w->prefix);
	int status = w->plus ? nfs_readdirplus(root(), &w->dir, w->cookie, w->verf, w->count, &res)
	    : nfs_readdir(root(), &w->dir, w->cookie, w->verf, w->count, &res);

	WANT(status, NFS_OK);
	TRUE(res.rpc.len <= w->count + 128u);	/* the RPC header and some are not counted */
	TRUE(res.eof || res.entry_count > 0);
	memcpy(w->verf, res.verf, 8);
	for (size_t i = 0; i < res.entry_count; i++) {
		const struct nfs_entry *x = &res.entries[i];

		TRUE(x->cookie != 0);
		w->cookie = x->cookie;
		if (strncmp(x->name, w->prefix, prefix_len) != 0) {
			w->others++;
			continue;
		}
		long at = strtol(x->name + prefix_len, NULL, 10);

		TRUE(at >= 0 && at < MANY);
		w->seen[at]++;
	}
	w->pages++;
	TRUE(w->pages < 100000);
	return !res.eof;
}

static void
all_once(bool plus, uint32_t count)
{
	static struct walk w;

	w = (struct walk){ .dir = fresh(), .plus = plus, .count = count, .prefix = "entry-" };
	each_name(NFS_CREATE, &w.dir, w.prefix, 0, MANY);
	while (walk_page(&w))
		;
	for (int i = 0; i < MANY; i++)
		EQ(w.seen[i], 1);
	EQ(w.others, 2);
	TRUE(w.pages > 1 || count > 60000);
}

CASE(READDIR_of_1200_names_by_512_bytes_gives_each_once) { all_once(false, 512); }
CASE(READDIR_of_1200_names_by_4_KiB_gives_each_once) { all_once(false, 4096); }
CASE(READDIR_of_1200_names_by_64_KiB_gives_each_once) { all_once(false, 65536); }
CASE(READDIRPLUS_of_1200_names_by_1_KiB_gives_each_once) { all_once(true, 1024); }
CASE(READDIRPLUS_of_1200_names_by_32_KiB_gives_each_once) { all_once(true, 32768); }
CASE(READDIRPLUS_of_1200_names_by_1_MiB_gives_each_once) { all_once(true, 1 << 20); }

/* What is there during the whole walk is seen once, what is not there at all never. */
static void
under_churn(bool plus)
{
	static struct walk w;
	int removed = 0;

	w = (struct walk){ .dir = fresh(), .plus = plus, .count = 1024, .prefix = "stay-" };
	each_name(NFS_CREATE, &w.dir, "stay-", 0, 700);
	each_name(NFS_CREATE, &w.dir, "leave-", 0, 500);
	while (walk_page(&w)) {
		if (removed < 500) {
			each_name(NFS_REMOVE, &w.dir, "leave-", removed, removed + 10);
			each_name(NFS_CREATE, &w.dir, "come-", removed, removed + 5);
			removed += 10;
		}
	}
	for (int i = 0; i < 700; i++)
		EQ(w.seen[i], 1);
	TRUE(removed > 100);
}

CASE(READDIR_with_others_removing_and_creating_gives_each_that_stays_once)
{
	under_churn(false);
}

CASE(READDIRPLUS_with_others_removing_and_creating_gives_each_that_stays_once)
{
	under_churn(true);
}

/* As rm -r does it: remove each page's names before asking for the next. */
CASE(READDIR_while_its_own_names_are_removed_reaches_all)
{
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };
	uint64_t cookie = 0;
	uint8_t verf[8] = { 0 };
	int removed = 0;

	each_name(NFS_CREATE, &dir, "x", 0, 1000);
	do {
		WANT(nfs_readdir(root(), &dir, cookie, verf, 2048, &list), NFS_OK);
		memcpy(verf, list.verf, 8);
		for (size_t i = 0; i < list.entry_count; i++) {
			cookie = list.entries[i].cookie;
			if (list.entries[i].name[0] != 'x')
				continue;
			WANT(nfs_remove(root(), &dir, list.entries[i].name, &res), NFS_OK);
			removed++;
		}
	} while (!list.eof);
	nfs_res_free(&list);
	EQ(removed, 1000);
}

CASE(READDIR_begins_with_dot_and_dotdot_and_their_numbers)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);
	int seen = 0;

	WANT(nfs_readdir(root(), &sub, 0, NULL, 4096, &res), NFS_OK);
	EQ(res.entry_count, 2);
	TRUE(res.eof && res.dir.ok);
	uint64_t own = attr_of(&sub).fileid, parent = attr_of(&dir).fileid;

	for (size_t i = 0; i < 2; i++) {
		if (strcmp(res.entries[i].name, ".") == 0)
			EQ(res.entries[i].fileid, own), seen |= 1;
		if (strcmp(res.entries[i].name, "..") == 0)
			EQ(res.entries[i].fileid, parent), seen |= 2;
	}
	EQ(seen, 3);
}

CASE(READDIRPLUS_gives_handles_and_attributes_that_LOOKUP_gives_too)
{
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };

	make_file(&dir, "file", 0640);
	make_dir(&dir, "sub", 0755);
	WANT(nfs_symlink(root(), &dir, "link", "file", &res), NFS_OK);
	WANT(nfs_readdirplus(root(), &dir, 0, NULL, 8192, &list), NFS_OK);
	EQ(list.entry_count, 5);
	for (size_t i = 0; i < list.entry_count; i++) {
		const struct nfs_entry *x = &list.entries[i];

		if (x->name[0] == '.')
			continue;
		TRUE(x->attr.ok && x->fh_ok);
		EQ(x->attr.fileid, x->fileid);
		WANT(nfs_lookup(root(), &dir, x->name, &res), NFS_OK);
		TRUE(same_fh(&res.fh, &x->fh));
		EQ(res.obj.type, x->attr.type);
	}
	nfs_res_free(&list);
}

CASE(READDIR_names_the_number_that_GETATTR_tells)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	uint64_t fileid = attr_of(&fh).fileid;

	WANT(nfs_readdir(root(), &dir, 0, NULL, 4096, &res), NFS_OK);
	for (size_t i = 0; i < res.entry_count; i++)
		if (strcmp(res.entries[i].name, "file") == 0)
			EQ(res.entries[i].fileid, fileid);
}

CASE(READDIR_continues_after_a_cookie_whose_entry_is_gone)
{
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };
	int left = 0;

	each_name(NFS_CREATE, &dir, "x", 0, 50);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 8192, &list), NFS_OK);
	EQ(list.entry_count, 52);
	WANT(nfs_remove(root(), &dir, list.entries[25].name, &res), NFS_OK);
	WANT(nfs_readdir(root(), &dir, list.entries[25].cookie, list.verf, 8192, &res), NFS_OK);
	EQ(res.entry_count, 26);
	for (size_t i = 0; i < res.entry_count; i++)
		left += strcmp(res.entries[i].name, list.entries[26 + i].name) == 0;
	EQ(left, 26);
	nfs_res_free(&list);
}

CASE(READDIR_cookies_of_one_listing_differ)
{
	struct nfs_fh dir = fresh();

	each_name(NFS_CREATE, &dir, "x", 0, 300);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 65536, &res), NFS_OK);
	EQ(res.entry_count, 302);
	for (size_t i = 0; i < res.entry_count; i++)
		for (size_t k = 0; k < i; k++)
			TRUE(res.entries[i].cookie != res.entries[k].cookie);
}

CASE(READDIR_cookies_fit_a_signed_number)
{
	struct nfs_fh dir = fresh();

	each_name(NFS_CREATE, &dir, "x", 0, 200);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 65536, &res), NFS_OK);
	for (size_t i = 0; i < res.entry_count; i++)
		TRUE(res.entries[i].cookie <= INT64_MAX);
}

CASE(READDIR_after_the_last_cookie_is_at_the_end)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "x", 0644);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 4096, &res), NFS_OK);
	uint64_t last = res.entries[res.entry_count - 1].cookie;
	uint8_t verf[8];

	memcpy(verf, res.verf, 8);
	WANT(nfs_readdir(root(), &dir, last, verf, 4096, &res), NFS_OK);
	EQ(res.entry_count, 0);
	TRUE(res.eof);
}

/* RFC 1813 lets a server ignore the verifier, if its cookies stay good; ours may do either. */
static void
bad_verf(bool plus)
{
	struct nfs_fh dir = fresh();
	uint8_t verf[8] = { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4 };

	each_name(NFS_CREATE, &dir, "x", 0, 20);
	WANT(plus ? nfs_readdirplus(root(), &dir, 0, NULL, 4096, &res) :
	    nfs_readdir(root(), &dir, 0, NULL, 4096, &res), NFS_OK);
	uint64_t cookie = res.entries[5].cookie;
	size_t after = res.entry_count - 6;

	WANT2(plus ? nfs_readdirplus(root(), &dir, cookie, verf, 4096, &res) :
	    nfs_readdir(root(), &dir, cookie, verf, 4096, &res), NFS_BAD_COOKIE, NFS_OK);
	if (res.status == NFS_OK)
		EQ(res.entry_count, after);
}

CASE(READDIR_with_a_foreign_verifier_is_bad_cookie_or_right) { bad_verf(false); }
CASE(READDIRPLUS_with_a_foreign_verifier_is_bad_cookie_or_right) { bad_verf(true); }

CASE(READDIR_with_a_made_up_cookie_is_bad_cookie_or_a_subset)
{
	struct nfs_fh dir = fresh();
	uint8_t verf[8];

	each_name(NFS_CREATE, &dir, "x", 0, 20);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 4096, &res), NFS_OK);
	memcpy(verf, res.verf, 8);
	for (int bit = 3; bit < 64; bit += 5) {
		WANT2(nfs_readdir(root(), &dir, 1ull << bit, verf, 4096, &res), NFS_OK,
		    NFS_BAD_COOKIE);
		TRUE(res.status != NFS_OK || res.entry_count <= 22);
	}
	WANT2(nfs_readdir(root(), &dir, UINT64_MAX, verf, 4096, &res), NFS_OK, NFS_BAD_COOKIE);
}

CASE(READDIR_too_small_for_one_entry_is_toosmall)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, long_name(255), 0644);
	for (uint32_t count = 0; count <= 100; count += 20)
		WANT(nfs_readdir(root(), &dir, 0, NULL, count, &res), NFS_TOOSMALL);
}

CASE(READDIRPLUS_too_small_for_one_entry_is_toosmall)
{
	struct nfs_fh dir = fresh();

	for (uint32_t count = 0; count <= 120; count += 20)
		WANT(nfs_readdirplus(root(), &dir, 0, NULL, count, &res), NFS_TOOSMALL);
}

CASE(READDIR_that_meets_a_long_name_in_the_middle_makes_way_or_says_toosmall)
{
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };
	uint64_t cookie = 0;
	uint8_t verf[8] = { 0 };
	int pages = 0;
	bool met = false;

	make_file(&dir, long_name(255), 0644);
	do {			/* 300 bytes hold a small entry, not the long one */
		int status = nfs_readdir(root(), &dir, cookie, verf, 300, &list);

		if (status == NFS_TOOSMALL)
			break;
		WANT(status, NFS_OK);
		TRUE(list.eof || list.entry_count > 0);
		cookie = list.entry_count ? list.entries[list.entry_count - 1].cookie : cookie;
		memcpy(verf, list.verf, 8);
		for (size_t i = 0; i < list.entry_count; i++)
			met |= strcmp(list.entries[i].name, long_name(255)) == 0;
		TRUE(++pages < 10);
	} while (!list.eof);
	if (list.status == NFS_OK)
		TRUE(met);
	nfs_res_free(&list);
}

CASE(READDIR_with_a_count_of_4_GiB_is_bounded)
{
	struct nfs_fh dir = fresh();

	each_name(NFS_CREATE, &dir, "x", 0, 100);
	WANT(nfs_readdir(root(), &dir, 0, NULL, UINT32_MAX, &res), NFS_OK);
	EQ(res.entry_count, 102);
	WANT(nfs_readdirplus(root(), &dir, 0, NULL, UINT32_MAX, &res), NFS_OK);
	TRUE(res.entry_count > 0);
}

CASE(READDIRPLUS_heeds_dircount)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_READDIRPLUS, .fh = &dir, .dircount = 512,
		.count = 65536 };
	uint32_t bytes = 0;

	each_name(NFS_CREATE, &dir, "name-", 0, 200);
	WANT(nfs_run(root(), &c, &res), NFS_OK);
	TRUE(res.entry_count > 0);
	for (size_t i = 0; i < res.entry_count; i++)
		bytes += 20 + (uint32_t)(strlen(res.entries[i].name) + 3) / 4 * 4;
	TRUE(bytes <= 2048);		/* a hint: some slack, but not the whole directory */
}

CASE(READDIR_of_a_file_is_notdir)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);

	WANT(nfs_readdir(root(), &fh, 0, NULL, 4096, &res), NFS_NOTDIR);
	WANT(nfs_readdirplus(root(), &fh, 0, NULL, 4096, &res), NFS_NOTDIR);
}

CASE(READDIR_without_the_right_to_read_is_acces)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0733);

	WANT(nfs_readdir(user(1001), &sub, 0, NULL, 4096, &res), NFS_ACCES);
	WANT(nfs_readdirplus(user(1001), &sub, 0, NULL, 4096, &res), NFS_ACCES);
	TRUE(res.dir.ok);
}

CASE(READDIR_needs_no_right_to_search)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0744);

	make_file(&sub, "x", 0644);
	WANT(nfs_readdir(user(1001), &sub, 0, NULL, 4096, &res), NFS_OK);
	EQ(res.entry_count, 3);
}
