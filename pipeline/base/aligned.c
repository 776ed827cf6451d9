/*
 * Aligned memory: apart from its sisters in panic.c, which dfsctl takes to systems without this
 * call.
 */
#include "pipeline/base/panic.h"

#include <stdlib.h>

void *
xaligned(size_t align, size_t bytes)
{
	void *p = NULL;

	if (posix_memalign(&p, align, bytes > 0 ? bytes : 1) != 0 || p == NULL)
		panic("no memory for %zu bytes at a multiple of %zu", bytes, align);
	return p;
}
