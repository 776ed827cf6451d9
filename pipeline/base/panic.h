/*
 * Asserts stay in release: they are for our own faults, never for what a peer, a disk or an
 * operator sends.  A panic prints where and why, and aborts; nothing acknowledged is lost by it.
 */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include <stddef.h>

__attribute__((noreturn, cold, format(printf, 3, 4)))
void panic_at(const char *file, int line, const char *fmt, ...);

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#undef assert
#define assert(fact)								\
	(__builtin_expect(!!(fact), 1) ? (void)0 : panic_at(__FILE__, __LINE__, "%s", #fact))

/* The object at p is one of ours and alive: its first word of magic says so. */
#define CHECK(p, word) assert((p) != NULL && (p)->magic == (word))

/* Move a pointer out of its owner's variable, which is NULL from here on. */
#define TAKE(pp) __extension__({ __auto_type taken_ = *(pp); *(pp) = NULL; taken_; })

#define container_of(p, type, field)						\
	((type *)(void *)((char *)(p) - offsetof(type, field)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Memory, or a panic where it ends: for set-up and bounded growth.  All goes back by free. */
void *xmalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t bytes) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t bytes) __attribute__((returns_nonnull));
void *xaligned(size_t align, size_t bytes) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#endif
