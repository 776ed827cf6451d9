/*
 * Bounded strings: text that is built up to a capacity and is always NUL-terminated; what does
 * not fit is cut and noted.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *s;
	size_t len, cap;		/* cap counts the NUL */
	bool cut;
};

struct text text_of(char *to, size_t cap);
void text_add(struct text *t, const char *s);
void text_addn(struct text *t, const char *s, size_t len);
__attribute__((format(printf, 2, 3)))
void text_addf(struct text *t, const char *fmt, ...);
void text_hex(struct text *t, const void *bytes, size_t len);

/* A whole decimal number within [least, most], nothing around it; false otherwise. */
bool text_u64(const char *s, uint64_t least, uint64_t most, uint64_t *out);

/* "64KiB", "1.5GiB", "10MB", "4096": a size in bytes; false otherwise. */
bool text_size(const char *s, uint64_t *out);

/* A duration "100ms", "35s", "2m", "1h" in ns; false otherwise. */
bool text_duration(const char *s, uint64_t *out_ns);

/* The same of whole seconds only, and back: "72h", "90s". */
bool text_seconds(const char *s, uint64_t *out);
void text_add_seconds(struct text *t, uint64_t seconds);

#endif
