/*
 * Pools of counted buffers.  The bytes of a pool are one reserved mapping, which the
 * kernel fills in as buffers are used for the first time; free buffers stand in a few
 * stacks, one for each of several threads, so that a thread gets back what it has just
 * used and two threads do not pull at one cache line.  A thread whose stack is empty
 * takes from the others', then a buffer never used, so the pool is empty only when all
 * are out.
 *
 * A stack's top is an index and a tag in one word; the tag moves with every pop, so that
 * a stack that changed and changed back is not taken for unchanged.
 */
#include "pipeline/base/buf.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/num.h"

#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define HIDE(p, n) __asan_poison_memory_region(p, n)
#define SHOW(p, n) __asan_unpoison_memory_region(p, n)
#else
#define HIDE(p, n) ((void)(p), (void)(n))
#define SHOW(p, n) ((void)(p), (void)(n))
#endif

enum { SHARDS = 4, LINE = 64, PAGE = 4096, LARGE = 1 << 20 };

struct slot {
	alignas(LINE) struct buf buf;	/* a line of its own: its count is hot */
};

struct shard {
	alignas(LINE) _Atomic uint64_t top;	/* tag ≪ 32 | index + 1, 0: empty */
	_Atomic int64_t used;		/* got less put; their sum counts */
};

struct buf_pool {
	struct shard shards[SHARDS];
	_Atomic uint32_t fresh;		/* slots below have been used once */
	uint32_t size, count;
	size_t stride, mapped;
	uint8_t *bytes;
	struct slot *slots;
	const char *name;
};

static _Atomic unsigned shards_dealt;
static _Thread_local unsigned shard_mine;	/* 1 + number; 0: not dealt yet */

static unsigned
my_shard(void)
{
	if (shard_mine == 0)
		shard_mine = 1 + atomic_fetch_add_explicit(&shards_dealt, 1,
		    memory_order_relaxed) % SHARDS;
	return shard_mine - 1;
}

struct buf_pool *
buf_pool_new(const char *name, uint32_t size, uint32_t count)
{
	struct buf_pool *pool;
	void *bytes;

	assert(size > 0 && count > 0 && count < UINT32_MAX);
	pool = xaligned(LINE, sizeof *pool);
	*pool = (struct buf_pool){ .name = name, .size = size, .count = count };
	pool->stride = round_up(size, size >= PAGE ? PAGE : LINE);
	pool->mapped = round_up(pool->stride * count, PAGE);
	bytes = mmap(NULL, pool->mapped, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		panic("no memory for pool %s", name);
	/* A buffer of several hundred pages costs as many faults at its first use. */
	if (size >= LARGE)
		(void)madvise(bytes, pool->mapped, MADV_HUGEPAGE);
	pool->slots = xaligned(LINE, sizeof(struct slot) * count);
	pool->bytes = bytes;
	HIDE(pool->bytes, pool->mapped);
	return pool;
}

void
buf_pool_free(struct buf_pool **poolp)
{
	struct buf_pool *pool = TAKE(poolp);

	if (pool == NULL)
		return;
	if (buf_pool_used(pool) != 0)
		panic("pool %s misses %u buffers", pool->name, buf_pool_used(pool));
	SHOW(pool->bytes, pool->mapped);
	munmap(pool->bytes, pool->mapped);
	free(pool->slots);
	free(pool);
}

uint32_t
buf_pool_used(const struct buf_pool *pool)
{
	int64_t used = 0;

	for (int i = 0; i < SHARDS; i++)
		used += atomic_load_explicit(&pool->shards[i].used, memory_order_relaxed);
	return used < 0 ? 0 : (uint32_t)used;
}

uint32_t
buf_pool_count(const struct buf_pool *pool)
{
	return pool->count;
}

/*
 * The acquire pairs with the release of push, so that the buffer's last user is done
 * with it.
 */
static struct buf *
pop(struct buf_pool *pool, struct shard *sh)
{
	uint64_t top = atomic_load_explicit(&sh->top, memory_order_acquire);

	while ((uint32_t)top != 0) {
		struct buf *b = &pool->slots[(uint32_t)top - 1].buf;
		uint32_t next = atomic_load_explicit(&b->next_free, memory_order_relaxed);
		uint64_t then = ((top >> 32) + 1) << 32 | next;

		if (atomic_compare_exchange_weak_explicit(&sh->top, &top, then,
		    memory_order_acquire, memory_order_acquire))
			return b;
	}
	return NULL;
}

static void
push(struct buf_pool *pool, struct shard *sh, struct buf *b)
{
	uint32_t place = (uint32_t)(container_of(b, struct slot, buf) - pool->slots) + 1;
	uint64_t top = atomic_load_explicit(&sh->top, memory_order_relaxed);
	uint64_t then;

	do {
		atomic_store_explicit(&b->next_free, (uint32_t)top, memory_order_relaxed);
		then = (top >> 32) << 32 | place;
	} while (!atomic_compare_exchange_weak_explicit(&sh->top, &top, then,
	    memory_order_release, memory_order_relaxed));
}

static struct buf *
first_use(struct buf_pool *pool)
{
	uint32_t n = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
	struct buf *b;

	do {
		if (n == pool->count)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(&pool->fresh, &n, n + 1,
	    memory_order_relaxed, memory_order_relaxed));
	b = &pool->slots[n].buf;
	*b = (struct buf){
		.size = pool->size, .bytes = pool->bytes + pool->stride * n, .pool = pool,
	};
	return b;
}

struct buf *
buf_get(struct buf_pool *pool)
{
	unsigned mine = my_shard();
	struct buf *b = NULL;

	if (FAULT("buf.get"))
		return NULL;
	for (unsigned i = 0; i < SHARDS && b == NULL; i++)
		b = pop(pool, &pool->shards[(mine + i) % SHARDS]);
	if (b == NULL && (b = first_use(pool)) == NULL)
		return NULL;
	atomic_fetch_add_explicit(&pool->shards[mine].used, 1, memory_order_relaxed);
	ref_init(&b->refs);
	SHOW(b->bytes, b->size);
	return b;
}

/* Large ones begin at a page, as a disk likes to read and write them. */
static size_t
ahead_of(uint32_t size)
{
	return size < PAGE ? sizeof(struct slot) : PAGE;
}

struct buf *
buf_new(uint32_t size)
{
	size_t ahead = ahead_of(size);
	uint8_t *bytes = xaligned(ahead, ahead + size);
	struct slot *s = (struct slot *)(void *)(bytes + ahead - sizeof *s);

	s->buf = (struct buf){ .size = size, .bytes = bytes + ahead };
	ref_init(&s->buf.refs);
	return &s->buf;
}

void
buf_release(struct buf *b)
{
	struct buf_pool *pool = b->pool;
	unsigned mine;

	if (pool == NULL) {
		free(b->bytes - ahead_of(b->size));
		return;
	}
	mine = my_shard();
	HIDE(b->bytes, b->size);
	atomic_fetch_sub_explicit(&pool->shards[mine].used, 1, memory_order_relaxed);
	push(pool, &pool->shards[mine], b);
}
