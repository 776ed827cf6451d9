/*
 * The end of a process that has found a fault of its own: one line, by nothing that
 * allocates or locks, then abort, so that a core shows the place.
 */
#include "pipeline/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
panic_at(const char *file, int line, const char *fmt, ...)
{
	char said[512];
	int n = snprintf(said, sizeof said, "panic at %s:%d: ", file, line);
	size_t len = n < 0 ? 0 : MIN((size_t)n, sizeof said - 2);
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(said + len, sizeof said - 1 - len, fmt, ap);
	va_end(ap);
	if (n > 0)
		len += MIN((size_t)n, sizeof said - 2 - len);
	said[len++] = '\n';
	if (write(STDERR_FILENO, said, len) < 0)
		abort();		/* nobody to tell; the core has to do */
	abort();
}

void *
xmalloc(size_t bytes)
{
	void *p = malloc(bytes > 0 ? bytes : 1);

	if (p == NULL)
		panic("no memory for %zu bytes", bytes);
	return p;
}

void *
xcalloc(size_t n, size_t bytes)
{
	void *p = calloc(n > 0 ? n : 1, bytes > 0 ? bytes : 1);

	if (p == NULL)
		panic("no memory for %zu times %zu bytes", n, bytes);
	return p;
}

void *
xrealloc(void *p, size_t bytes)
{
	void *moved = realloc(p, bytes > 0 ? bytes : 1);

	if (moved == NULL)
		panic("no memory for %zu bytes", bytes);
	return moved;
}

char *
xstrdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(xmalloc(len), s, len);
}
