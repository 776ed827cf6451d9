/*
 * Names and texts of outcomes, and the way from and to errno, all by table.  A row of
 * status.def is found by its errno, the first one wins; `more` comes before and holds
 * what is spelt in several ways by the system.
 */
#include "pipeline/base/status.h"

#include "pipeline/base/panic.h"

#include <errno.h>

static const struct {
	const char *name, *text;
	int err;
} rows[ST_COUNT] = {
	[OK] = { "OK", "done", 0 },
#define STATUS(name, err, text) [ST_##name] = { #name, text, err },
#include "pipeline/base/status.def"
#undef STATUS
};

static const struct {
	int err;
	enum status st;
} more[] = {
	{ EAGAIN,	ST_DELAY },
	{ EINTR,	ST_DELAY },
	{ EMFILE,	ST_RESOURCE },
	{ ENFILE,	ST_RESOURCE },
	{ ENOBUFS,	ST_RESOURCE },
	{ ENOSYS,	ST_NOTSUPP },
	{ ENOTTY,	ST_NOTSUPP },
	{ ETXTBSY,	ST_BUSY },
	{ EOVERFLOW,	ST_FBIG },
	{ ECONNREFUSED,	ST_UNREACHABLE },
	{ ECONNRESET,	ST_UNREACHABLE },
	{ ECONNABORTED,	ST_UNREACHABLE },
	{ ENETUNREACH,	ST_UNREACHABLE },
	{ ENETDOWN,	ST_UNREACHABLE },
	{ EHOSTDOWN,	ST_UNREACHABLE },
	{ ENOTCONN,	ST_UNREACHABLE },
	{ EPIPE,	ST_UNREACHABLE },
};

const char *
status_name(enum status st)
{
	return (unsigned)st < ST_COUNT ? rows[st].name : "UNKNOWN";
}

const char *
status_text(enum status st)
{
	return (unsigned)st < ST_COUNT ? rows[st].text : "unknown outcome";
}

int
status_errno(enum status st)
{
	return (unsigned)st < ST_COUNT ? rows[st].err : EIO;
}

enum status
status_of_errno(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (more[i].err == err)
			return more[i].st;
	for (int st = OK; st < ST_COUNT; st++)
		if (rows[st].err == err)
			return (enum status)st;
	return ST_IO;
}
