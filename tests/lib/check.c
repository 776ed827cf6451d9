/*
 * The harness: a list of cases, a jump out of a failed one, TAP on standard output.
 */
#include "tests/lib/check.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct check_case *first, **last = &first;
static jmp_buf leave;
static char tmpdir[256];
enum { LEFT_FAILED = 1, LEFT_SKIPPED };

void
check_register(struct check_case *c)
{
	*last = c;
	last = &c->next;
}

void
check_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	longjmp(leave, LEFT_FAILED);
}

void
check_skip(const char *fmt, ...)
{
	va_list ap;

	printf("# skipped: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	longjmp(leave, LEFT_SKIPPED);
}

void
check_eq_i(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		check_fail(file, line, "%s is %lld (0x%llx), not %lld (0x%llx)", what, got,
		    (unsigned long long)got, want, (unsigned long long)want);
}

void
check_eq_s(const char *file, int line, const char *what, const char *got, const char *want)
{
	if (got == NULL || strcmp(got, want) != 0)
		check_fail(file, line, "%s is \"%s\", not \"%s\"", what, got ? got : "(null)",
		    want);
}

void
check_eq_m(const char *file, int line, const char *what, const void *got, const void *want,
    size_t len)
{
	const unsigned char *a = got, *b = want;

	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			check_fail(file, line, "%s differs at byte %zu of %zu: %02x, not %02x",
			    what, i, len, a[i], b[i]);
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void
drop_tmpdir(void)
{
	nftw(tmpdir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
check_tmpdir(void)
{
	const char *base = getenv("TMPDIR");

	if (tmpdir[0] != '\0')
		return tmpdir;
	snprintf(tmpdir, sizeof tmpdir, "%s/dfs-test.XXXXXX", base ? base : "/tmp");
	if (mkdtemp(tmpdir) == NULL) {
		perror("mkdtemp");
		exit(99);
	}
	atexit(drop_tmpdir);
	return tmpdir;
}

static bool
wanted(const struct check_case *c, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(c->name, argv[i]) != NULL)
			return true;
	return false;
}

static int
run_one(const struct check_case *c, int number)
{
	int left = setjmp(leave);

	if (left == 0)
		c->run();
	printf("%s %d - %s%s\n", left == LEFT_FAILED ? "not ok" : "ok", number, c->name,
	    left == LEFT_SKIPPED ? " # SKIP" : "");
	fflush(stdout);
	return left == LEFT_FAILED;
}

int
main(int argc, char **argv)
{
	int number = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (struct check_case *c = first; c != NULL; c = c->next)
			printf("%s\n", c->name);
		return 0;
	}
	for (struct check_case *c = first; c != NULL; c = c->next)
		if (wanted(c, argc, argv))
			failed += run_one(c, ++number);
	printf("1..%d\n", number);
	return failed != 0 || number == 0;
}
