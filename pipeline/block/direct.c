/*
 * Which pieces of a gathered write are cited and which are copied.
 */
#include "pipeline/block/direct.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/block/disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

/* The pieces of one write while they are being laid out. */
struct layout {
	struct direct *d;
	struct iovec v[2 * DIRECT_PIECES_MAX + 1];
	int n;
	size_t used;			/* of the room */
	size_t run;			/* of these, not yet a piece: always the newest */
};

bool
direct_set(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 &&
	    fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

void
direct_init(struct direct *d, size_t bytes)
{
	d->cap = round_up(bytes, HUGE_PAGE);
	d->room = xaligned(HUGE_PAGE, d->cap);
	/* One large page is one piece for the disk.  Without it, it works as well. */
	(void)madvise(d->room, d->cap, MADV_HUGEPAGE);
}

void
direct_fini(struct direct *d)
{
	free(TAKE(&d->room));
}

static void
end_run(struct layout *l)
{
	if (l->run > 0)
		l->v[l->n++] = (struct iovec){ l->d->room + l->used - l->run, l->run };
	l->run = 0;
}

static bool
citable(const struct layout *l, const uint8_t *p, size_t len)
{
	return l->run % DIRECT_BLOCK == 0 && (uintptr_t)p % DIRECT_BLOCK == 0 &&
	    len >= DIRECT_BLOCK;
}

static void
add(struct layout *l, const struct iovec *piece)
{
	uint8_t *p = piece->iov_base;
	size_t len = piece->iov_len;

	if (citable(l, p, len)) {
		size_t whole = len - len % DIRECT_BLOCK;

		end_run(l);
		l->v[l->n++] = (struct iovec){ p, whole };
		p += whole;
		len -= whole;
	}
	if (len == 0)
		return;
	assert(len <= l->d->cap - l->used);
	memcpy(l->d->room + l->used, p, len);
	l->used += len;
	l->run += len;
}

enum status
direct_writev(struct direct *d, int fd, const struct iovec *iov, int n, uint64_t at,
    const char *point)
{
	struct layout l = { .d = d };

	assert(at % DIRECT_BLOCK == 0 && n <= DIRECT_PIECES_MAX);
	for (int i = 0; i < n; i++)
		add(&l, &iov[i]);
	assert(l.run % DIRECT_BLOCK == 0);
	end_run(&l);
	return disk_writev(fd, l.v, l.n, at, point);
}
