/*
 * The pool.  A context remembers the key used last, so the one that was given back last is the
 * first to be given out; all are wiped when the process ends.
 */
#include "pipeline/block/sealer.h"

#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>

enum { KEPT_MAX = 32, RANK_NUMBER = 1 << 28 };

static struct {				/* house lifetime */
	struct mutex mutex;		/* rank PAGE */
	struct sealer *first;
	uint32_t n;
} kept;

__attribute__((constructor)) static void
kept_init(void)
{
	mutex_init(&kept.mutex, RANK_PAGE, RANK_NUMBER);
}

static void
sealer_free(struct sealer *s)
{
	aead_end(&s->aead);
	free(s);
}

__attribute__((destructor)) static void
kept_fini(void)
{
	while (kept.first != NULL) {
		struct sealer *s = kept.first;

		kept.first = s->next;
		sealer_free(s);
	}
}

struct sealer *
sealer_get(void)
{
	struct sealer *s;

	mutex_lock(&kept.mutex);
	s = kept.first;
	if (s != NULL) {
		kept.first = s->next;
		kept.n--;
	}
	mutex_unlock(&kept.mutex);
	if (s != NULL)
		return s;
	s = xcalloc(1, sizeof *s);
	if (aead_begin(&s->aead) != 0)
		panic("no memory for a cipher's context");
	return s;
}

void
sealer_put(struct sealer **sp)
{
	struct sealer *s = TAKE(sp);

	mutex_lock(&kept.mutex);
	if (kept.n < KEPT_MAX) {
		s->next = kept.first;
		kept.first = s;
		kept.n++;
		s = NULL;
	}
	mutex_unlock(&kept.mutex);
	if (s != NULL)
		sealer_free(s);
}
