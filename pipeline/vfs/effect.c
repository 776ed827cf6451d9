/*
 * The effect: what makes a mutation one uninterrupted call.  engine.md §2.
 *
 * The inodes are locked in number order, the operation checks again what it relied on and says
 * what becomes of each, block_commit gives the change set its LSN, the new versions are
 * published, the answer's attributes are copied, and the locks go.  Nothing in between waits.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/vfs/names.h"

enum { RECORD_SCRATCH = 1024 + PATH_BYTES_MAX };

enum begin
act_fail(struct job *job, enum status st)
{
	const struct act *a = job->vfs;

	if (st == ST_DELAY && !a->no_room && !stage_may_wait(job))
		return BEGIN_WAIT;
	job->status = st;
	return BEGIN_DONE;
}

enum status
act_pin(struct job *job, struct act *a, uint64_t ino, uint8_t *at)
{
	struct pin *p = &a->pin[a->npins];
	enum status st;

	for (uint8_t i = 0; i < a->npins; i++)
		if (a->pin[i].inode != NULL && a->pin[i].inode->ino == ino) {
			*at = i;
			return OK;
		}
	assert(a->npins < PINS_MAX);
	p->inode = NULL;
	p->read = p->changes = p->goes = false;
	st = inode_get(job->share, ino, stage_may_wait(job), &job->arena, &p->inode);
	if (st != OK)
		return st;
	inode_read(p->inode, &p->was, &p->was_change);
	p->read = true;
	*at = a->npins++;
	return OK;
}

enum status
act_pin_file(struct job *job, struct act *a, const struct file_id *id, struct op_pair *pair,
    uint8_t *at)
{
	enum status st;

	if (id->epoch != 0 || id->stream != 0 || id->kind != FILE_LIVE)
		return ST_STALE;
	st = act_pin(job, a, id->ino, at);
	if (st == OK && a->pin[*at].was.gen != id->gen)
		st = ST_STALE;
	if (st == OK)
		act_pair(job, a, *at, pair);
	return st;
}

uint8_t
act_pin_new(struct act *a)
{
	assert(a->npins < PINS_MAX);
	struct pin *p = &a->pin[a->npins];

	p->inode = NULL;
	p->read = p->goes = false;
	p->changes = true;
	p->was_change = 0;
	p->was = (struct file){ 0 };
	return a->npins++;
}

enum status
act_starved(struct job *job, struct act *a)
{
	block_starved(job->share);
	a->no_room = true;
	return ST_DELAY;
}

enum status
act_txn(struct job *job, struct act *a, bool frees)
{
	enum status st;

	if (a->txn == NULL)
		a->txn = txn_new();
	if (a->txn == NULL)
		return act_starved(job, a);
	a->txn->frees = frees;
	st = frees || a->slowed ? block_reserve(job->share, a->txn) :
	    block_reserve_slowly(job->share, a->txn, &a->slow_ns);
	a->no_room = st == ST_DELAY;
	return st;
}

void
act_release(struct job *job, struct act *a)
{
	for (uint8_t i = 0; i < a->npins; i++)
		inode_put(&a->pin[i].inode);
	a->npins = a->nnames = 0;
	a->turns = a->no_room = false;
	a->on = a->on2 = a->found = NO_PIN;
	a->used_bytes = a->used_inodes = 0;
	if (a->txn != NULL) {
		block_unreserve(job->share, a->txn);
		txn_free(&a->txn);
	}
}

/* The pinned inodes in number order, each once: what to lock. */
static uint8_t
lock_order(const struct act *a, struct inode *v[PINS_MAX])
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < a->npins; i++) {
		struct inode *one = a->pin[i].inode;
		uint8_t at = n;

		if (one == NULL)
			continue;
		while (at > 0 && v[at - 1]->ino > one->ino)
			at--;
		if (at > 0 && v[at - 1] == one)
			continue;
		memmove(&v[at + 1], &v[at], (size_t)(n - at) * sizeof *v);
		v[at] = one;
		n++;
	}
	return n;
}

/* Look at each pinned inode again, now that nobody else can change it. */
static enum status
view_again(struct act *a)
{
	for (uint8_t i = 0; i < a->npins; i++) {
		struct pin *p = &a->pin[i];

		if (p->inode == NULL)
			continue;
		if (p->inode->gone)
			return ST_RESTART;
		p->was = p->inode->file;
		p->was_change = p->inode->change;
		p->next = p->was;
		p->changes = p->goes = false;
	}
	return OK;
}

/* The last that can refuse: what was counted is committed. */
static enum status
count_usage(struct job *job, struct act *a)
{
	struct key key;

	if (a->used_bytes != 0) {
		if (!share_used_add(job->share, a->used_bytes))
			return ST_NOSPC;
		key = key_count(COUNT_USED_BYTES, NULL, 0);
		txn_count(a->txn, key_slice(&key), a->used_bytes);
	}
	if (a->used_inodes != 0) {
		key = key_count(COUNT_INODES, NULL, 0);
		txn_count(a->txn, key_slice(&key), a->used_inodes);
		atomic_fetch_add_explicit(&job->share->used_inodes, (uint64_t)a->used_inodes,
		    memory_order_relaxed);
	}
	return OK;
}

static void
note(struct job *job, struct act *a)
{
	struct note *n = &job->op.note;
	struct stamp now;

	if (n->protocol == NOTE_NONE)
		return;
	n->op = (uint8_t)job->op.kind;
	if (a->found != NO_PIN) {
		const struct pin *p = &a->pin[a->found];

		n->ino = p->next.ino;
		n->gen = p->next.gen;
	}
	n->before = a->on != NO_PIN ? a->pin[a->on].was_change : 0;
	n->after = 0;			/* the entry's own LSN */
	/* What changes has just been given its time; a clock is not read twice for one entry. */
	now = a->on != NO_PIN && a->pin[a->on].changes ? a->pin[a->on].next.ctime : stamp_now();
	n->wall_ns = (uint64_t)now.s * 1000000000u + now.ns;
	txn_note(a->txn, n);
}

/* A name is set: the filter of an empty directory begins with it.  Where it would grow too large
 * it is given up, until the directory is empty again. */
static void
name_comes(struct inode *dir, uint64_t hash)
{
	struct names *names = atomic_load_explicit(&dir->names, memory_order_relaxed);

	if (dir->file.entries == 0) {
		struct names *fresh = names_new();

		(void)names_add(fresh, hash);
		atomic_store_explicit(&dir->names, fresh, memory_order_release);
		if (names != NULL)
			names_put(names);
	} else if (names != NULL && !names_add(names, hash)) {
		atomic_store_explicit(&dir->names, NULL, memory_order_relaxed);
		names_put(names);
	}
	inode_names_sized_locked(dir);
}

/* Before the commit: who filled a dentry from an older state sees that it is older. */
static void
names_move(struct act *a)
{
	for (uint8_t i = 0; i < a->nnames; i++) {
		struct inode *dir = a->pin[a->names[i].dir].inode;
		uint64_t seq = atomic_load_explicit(&dir->dirseq, memory_order_relaxed) + 1;

		if (a->names[i].hit.ino != 0)
			name_comes(dir, a->names[i].bucket);
		dir->buckets[seq % BUCKETS_RECENT] = a->names[i].bucket;
		atomic_store_explicit(&dir->dirseq, seq, memory_order_release);
	}
}

static void
publish(struct job *job, struct act *a, uint64_t epoch)
{
	struct inode_cache *c = job->share->inodes;

	for (uint8_t i = 0; i < a->npins; i++) {
		struct pin *p = &a->pin[i];

		if (p->inode == NULL)
			p->inode = inode_enter(c, &p->next, a->lsn, epoch);
		else if (p->goes)
			inode_drop_locked(c, p->inode);
		else if (p->changes)
			inode_publish_locked(p->inode, &p->next, a->lsn, epoch);
	}
	for (uint8_t i = 0; i < a->nnames; i++) {
		struct name_hit *hit = &a->names[i].hit;

		hit->born = epoch;
		hit->lsn = a->lsn;
		dentry_set(c->dentries, a->pin[a->names[i].dir].inode->ino, a->names[i].name, hit);
	}
}

static void
answer(struct job *job, struct act *a)
{
	struct op *op = &job->op;

	if (a->on != NO_PIN)
		act_pair(job, a, a->on, &op->on);
	if (a->on2 != NO_PIN)
		act_pair(job, a, a->on2, &op->on2);
	if (a->found != NO_PIN) {
		const struct file *f = &a->pin[a->found].next;

		op->has_found = true;
		op->found = (struct file_id){ .share = job->share->row.share, .ino = f->ino,
			.gen = f->gen };
		act_attr(job, a, a->found, &op->found_attr);
	}
}

enum status
effect_run(struct job *job, struct act *a)
{
	struct inode *locked[PINS_MAX];
	uint8_t n = lock_order(a, locked);
	struct share *s = job->share;
	enum status st;

	if (a->turns)
		mutex_lock(&s->inodes->rename);
	for (uint8_t i = 0; i < n; i++)
		mutex_lock(&locked[i]->mutex);
	st = view_again(a);
	if (st == OK)
		st = a->row->build(job, a);
	if (st == OK && a->txn->failed)
		st = ST_RESOURCE;
	if (st == OK)
		st = count_usage(job, a);
	if (st == OK) {
		note(job, a);
		if (a->txn->failed)
			panic("a note or a counter does not fit a change set");
		names_move(a);
		a->verf = atomic_load_explicit(&s->verifier, memory_order_acquire);
		block_commit(s, TAKE(&a->txn), &a->lsn);
		publish(job, a, catalog_epoch(s->catalog));
		answer(job, a);
	}
	while (n > 0)
		mutex_unlock(&locked[--n]->mutex);
	if (a->turns)
		mutex_unlock(&s->inodes->rename);
	return st;
}

/* The old version for history: encoded only while a snapshot might need it. */
static const struct old_version *
old_of(struct job *job, struct act *a, const struct pin *p, struct old_version *old)
{
	uint8_t *room;
	struct writer w;

	*old = (struct old_version){ .exists = p->inode != NULL };
	if (p->inode == NULL || catalog_newest_snapshot(job->share->catalog) == 0)
		return old;
	room = arena_alloc(&job->arena, RECORD_SCRATCH);
	if (room == NULL) {
		a->txn->failed = true;
		return NULL;
	}
	w = writer_of(room, RECORD_SCRATCH);
	rec_file_encode(&w, &p->was);
	old->born = p->inode->born;
	old->lsn = p->was_change;
	old->body = slice_of(room, w.len);
	return old;
}

void
build_inode(struct job *job, struct act *a, uint8_t at)
{
	struct pin *p = &a->pin[at];
	struct key key = key_inode(p->next.ino);
	uint8_t room[RECORD_SCRATCH];
	struct writer w = writer_of(room, sizeof room);
	struct old_version old;

	p->changes = true;
	rec_file_encode(&w, &p->next);
	if (!writer_ok(&w)) {
		a->txn->failed = true;
		return;
	}
	if (p->inode == NULL)		/* its number is new, and no other has ever had it */
		txn_put_new(a->txn, key_slice(&key), slice_of(room, w.len),
		    old_of(job, a, p, &old));
	else
		txn_put(a->txn, key_slice(&key), slice_of(room, w.len), old_of(job, a, p, &old));
}

void
build_inode_gone(struct job *job, struct act *a, uint8_t at)
{
	struct pin *p = &a->pin[at];
	struct key key = key_inode(p->next.ino);
	struct old_version old;

	p->goes = true;
	txn_del(a->txn, key_slice(&key), old_of(job, a, p, &old));
	a->used_inodes--;
	a->used_bytes -= (int64_t)p->was.used;
	if (p->was.content != 0 && (p->was.flags & FILE_UNWRITTEN) == 0) {
		uint8_t room[64];
		struct writer w = writer_of(room, sizeof room);

		key = key_reap(p->was.content, 0);
		rec_reap_encode(&w, &(struct reap){ .content = p->was.content });
		txn_put_new(a->txn, key_slice(&key), slice_of(room, w.len), NULL);
	}
}

static void
name_changes(struct act *a, uint8_t dir, struct slice name, const struct name_hit *hit,
    uint64_t key)
{
	assert(a->nnames < ARRAY_LEN(a->names));
	a->names[a->nnames++] = (struct name_change){ dir, name, *hit, key >> 16 };
}

/* The old version of a dirent row, for history. */
static void
old_dirent(struct job *job, struct act *a, struct slice name, const struct name_hit *hit,
    struct old_version *old)
{
	uint8_t *room;
	struct writer w;

	*old = (struct old_version){ 0 };
	if (hit->ino == 0)
		return;
	old->exists = true;
	if (catalog_newest_snapshot(job->share->catalog) == 0)
		return;
	room = arena_alloc(&job->arena, 512);
	if (room == NULL) {
		a->txn->failed = true;
		return;
	}
	w = writer_of(room, 512);
	rec_dirent_encode(&w, &(struct dirent){ hit->ino, hit->gen, hit->type, name });
	old->born = hit->born;
	old->lsn = hit->lsn;
	old->body = slice_of(room, w.len);
}

void
build_dirent(struct job *job, struct act *a, uint8_t dir, struct slice name,
    const struct name_hit *was, const struct name_hit *hit)
{
	struct pin *d = &a->pin[dir];
	struct key key = key_dirent(d->next.ino, hit->key);
	uint8_t room[512];
	struct writer w = writer_of(room, sizeof room);
	struct old_version old;

	if ((hit->key & SLOT_MASK) != 0)
		d->next.flags |= FILE_SLOTS;
	rec_dirent_encode(&w, &(struct dirent){ hit->ino, hit->gen, hit->type, name });
	old_dirent(job, a, name, was, &old);
	/* Where two names never had one hash there are no rows but those of names. */
	if (was->ino == 0 && (d->next.flags & FILE_SLOTS) == 0)
		txn_put_new(a->txn, key_slice(&key), slice_of(room, w.len), &old);
	else
		txn_put(a->txn, key_slice(&key), slice_of(room, w.len), &old);
	name_changes(a, dir, name, hit, hit->key);
}

void
build_dirent_gone(struct job *job, struct act *a, uint8_t dir, struct slice name,
    const struct name_hit *hit)
{
	struct pin *d = &a->pin[dir];
	struct key key = key_dirent(d->next.ino, hit->key);
	struct old_version old;

	old_dirent(job, a, name, hit, &old);
	if (hit->keeps_slot) {
		/* Others of the same hash remain behind this first slot: an empty row keeps it,
		 * so that a miss stays one get. */
		uint8_t room[64];
		struct writer w = writer_of(room, sizeof room);

		rec_dirent_encode(&w, &(struct dirent){ 0 });
		txn_put(a->txn, key_slice(&key), slice_of(room, w.len), &old);
	} else {
		txn_del(a->txn, key_slice(&key), &old);
	}
	name_changes(a, dir, name, &(struct name_hit){ 0 }, hit->key);
}

void
build_link_row(struct job *job, struct act *a, uint64_t ino, uint64_t dir, uint64_t at, bool put)
{
	struct key key = key_link(ino, dir, at);

	(void)job;
	if (put)
		txn_put(a->txn, key_slice(&key), slice_of("", 0), NULL);
	else
		txn_del(a->txn, key_slice(&key), NULL);
}

void
act_attr(struct job *job, const struct act *a, uint8_t at, struct attr *attr)
{
	const struct pin *p = &a->pin[at];

	if (p->changes)
		inode_attr(job->share, &p->next, a->lsn, attr);
	else
		inode_attr(job->share, &p->was, p->was_change, attr);
}

void
act_pair(struct job *job, const struct act *a, uint8_t at, struct op_pair *pair)
{
	const struct pin *p = &a->pin[at];

	pair->has_before = p->read;
	pair->before = (struct wcc){ p->was.size, p->was_change, p->was.mtime, p->was.ctime };
	pair->has_after = !p->goes;
	if (pair->has_after)
		act_attr(job, a, at, &pair->after);
}
