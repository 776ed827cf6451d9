/*
 * A small test harness that speaks TAP.
 *
 * A case is a function named by a sentence, CASE(a_short_read_fails); it registers itself.  A
 * failed expectation prints both sides and ends the case, the program goes on with the next.
 * Every test program is "cases + main in this library": run it bare for all its cases, with
 * words for those whose name contains one of them, with --list for the names.
 */
#ifndef TESTS_LIB_CHECK_H
#define TESTS_LIB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_case {
	const char *name;
	const char *file;
	void (*run)(void);
	struct check_case *next;
};

void check_register(struct check_case *c);

/* End the running case as failed; the text is printed as a TAP comment. */
__attribute__((noreturn, format(printf, 3, 4)))
void check_fail(const char *file, int line, const char *fmt, ...);

/* End the running case as skipped, with the reason. */
__attribute__((noreturn, format(printf, 1, 2)))
void check_skip(const char *fmt, ...);

/* A fresh directory below $TMPDIR, removed with all in it when the program ends; static storage. */
const char *check_tmpdir(void);

void check_eq_i(const char *file, int line, const char *what, long long got, long long want);
void check_eq_s(const char *file, int line, const char *what, const char *got, const char *want);
void check_eq_m(const char *file, int line, const char *what, const void *got, const void *want,
    size_t len);

#define CASE(id)								\
	static void case_##id(void);						\
	static struct check_case entry_##id = { #id, __FILE__, case_##id, NULL };\
	__attribute__((constructor)) static void register_##id(void)		\
	{ check_register(&entry_##id); }					\
	static void case_##id(void)

#define EQ(got, want)	check_eq_i(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define EQ_STR(got, want)	check_eq_s(__FILE__, __LINE__, #got, got, want)
#define EQ_MEM(got, want, len)	check_eq_m(__FILE__, __LINE__, #got, got, want, len)
#define TRUE(fact)								\
	((fact) ? (void)0 : check_fail(__FILE__, __LINE__, "not true: %s", #fact))
#define FALSE(fact)								\
	((fact) ? check_fail(__FILE__, __LINE__, "not false: %s", #fact) : (void)0)

#endif
