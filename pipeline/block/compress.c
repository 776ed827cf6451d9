/*
 * zstd, one frame a unit.  A streak of units that save nothing is what archives, films and sealed
 * files look like: after a few, only one in as many as the streak is long is tried, at most one
 * in STREAK_MAX, until one helps again.
 *
 * Contexts cost more to make than a unit to open, so a few for opening are kept.
 */
#include "pipeline/block/compress.h"

#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <zstd.h>

enum {
	SAVING_PART = 16,
	STREAK_PATIENCE = 4,
	STREAK_MAX = 32,
	KEPT_MAX = 16,
	RANK_NUMBER = 1 << 27
};

struct compressor {
	ZSTD_CCtx *zstd;
	int level;
	uint32_t streak;		/* units tried in vain */
	uint32_t skip;			/* so many more are not tried */
};

static struct {				/* house lifetime */
	struct mutex mutex;		/* rank PAGE */
	ZSTD_DCtx *v[KEPT_MAX];
	uint32_t n;
} kept;

__attribute__((constructor)) static void
kept_init(void)
{
	mutex_init(&kept.mutex, RANK_PAGE, RANK_NUMBER);
}

__attribute__((destructor)) static void
kept_fini(void)
{
	while (kept.n > 0)
		ZSTD_freeDCtx(kept.v[--kept.n]);
}

struct compressor *
compressor_new(uint32_t level)
{
	struct compressor *c;

	if (level == 0)
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->level = (int)MIN(level, (uint32_t)COMPRESS_LEVEL_MAX);
	c->zstd = ZSTD_createCCtx();
	if (c->zstd == NULL)
		panic("no memory for zstd");
	return c;
}

void
compressor_free(struct compressor **cp)
{
	struct compressor *c = TAKE(cp);

	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->zstd);
	free(c);
}

static void
in_vain(struct compressor *c)
{
	if (c->streak < STREAK_MAX)
		c->streak++;
	if (c->streak >= STREAK_PATIENCE)
		c->skip = c->streak;
}

uint32_t
compress_unit(struct compressor *c, const void *in, uint32_t len, void *to)
{
	uint32_t most = len - len / SAVING_PART;
	size_t got;

	if (c == NULL || len < SAVING_PART)
		return 0;
	if (c->skip > 0) {
		c->skip--;
		return 0;
	}
	got = ZSTD_compressCCtx(c->zstd, to, most, in, len, c->level);
	if (ZSTD_isError(got)) {	/* what does not fit into most is one, too */
		in_vain(c);
		return 0;
	}
	c->streak = 0;
	return (uint32_t)got;
}

static ZSTD_DCtx *
opener_get(void)
{
	ZSTD_DCtx *d = NULL;

	mutex_lock(&kept.mutex);
	if (kept.n > 0)
		d = kept.v[--kept.n];
	mutex_unlock(&kept.mutex);
	if (d == NULL && (d = ZSTD_createDCtx()) == NULL)
		panic("no memory for zstd");
	return d;
}

static void
opener_put(ZSTD_DCtx *d)
{
	mutex_lock(&kept.mutex);
	if (kept.n < KEPT_MAX) {
		kept.v[kept.n++] = d;
		d = NULL;
	}
	mutex_unlock(&kept.mutex);
	if (d != NULL)
		ZSTD_freeDCtx(d);
}

enum status
decompress_unit(const void *in, uint32_t in_len, void *to, uint32_t len)
{
	ZSTD_DCtx *d = opener_get();
	size_t got = ZSTD_decompressDCtx(d, to, len, in, in_len);

	opener_put(d);
	return !ZSTD_isError(got) && got == len ? OK : ST_CORRUPT;
}
