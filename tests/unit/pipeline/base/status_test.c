#include "pipeline/base/status.h"

#include "tests/lib/check.h"

#include <errno.h>
#include <string.h>

CASE(every_status_has_a_name_a_text_and_an_errno)
{
	EQ_STR(status_name(OK), "OK");
	EQ(status_errno(OK), 0);
	for (int st = OK + 1; st < ST_COUNT; st++) {
		TRUE(strlen(status_name((enum status)st)) > 1);
		TRUE(strlen(status_text((enum status)st)) > 3);
		TRUE(status_errno((enum status)st) > 0);
		for (int other = OK; other < st; other++)
			TRUE(strcmp(status_name((enum status)st),
			    status_name((enum status)other)) != 0);
	}
	EQ_STR(status_text(ST_NOENT), "no such name");
}

CASE(a_status_nobody_knows_is_named_without_a_crash)
{
	EQ_STR(status_name((enum status)ST_COUNT), "UNKNOWN");
	EQ_STR(status_text((enum status)-1), "unknown outcome");
	EQ(status_errno((enum status)12345), EIO);
}

CASE(an_errno_becomes_the_nearest_status)
{
	EQ(status_of_errno(0), OK);
	EQ(status_of_errno(ENOENT), ST_NOENT);
	EQ(status_of_errno(EACCES), ST_ACCES);
	EQ(status_of_errno(EINVAL), ST_INVAL);
	EQ(status_of_errno(EAGAIN), ST_DELAY);
	EQ(status_of_errno(EROFS), ST_ROFS);
	EQ(status_of_errno(EMFILE), ST_RESOURCE);
	EQ(status_of_errno(ECONNRESET), ST_UNREACHABLE);
	EQ(status_of_errno(ENOSPC), ST_NOSPC);
	EQ(status_of_errno(99999), ST_IO);
	EQ(status_of_errno(-1), ST_IO);
}

CASE(an_errno_survives_the_way_through_a_status)
{
	for (int st = OK; st < ST_COUNT; st++) {
		int err = status_errno((enum status)st);

		EQ(status_errno(status_of_errno(err)), err);
	}
}
