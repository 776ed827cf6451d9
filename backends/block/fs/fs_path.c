/*
 * Letters, digits and ._- stand for themselves, all else is %XX, a leading dot too.  The first
 * few slashes make folders, later ones are %2F.  A part that would be too long goes on in a
 * folder below: its name ends in '+'.  An object's file ends in '='.  Neither sign is otherwise
 * used, so that "a" and "a/b" lie beside each other.  An empty part is '_', and '_' is %5F.
 */
#include "backends/block/fs/fs_path.h"

#include <ctype.h>
#include <string.h>

enum { SLASHES_MAX = 8, PART_MAX = 200 };

static bool
plain(char c, size_t at)
{
	return isalnum((unsigned char)c) || c == '-' || (c == '.' && at > 0);
}

void
fs_path_of(const char *name, struct text *to)
{
	size_t part = 0;		/* bytes of the running part of the path */
	int slashes = 0;

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '/' && slashes < SLASHES_MAX) {
			slashes++;
			text_add(to, part == 0 ? "_/" : "/");
			part = 0;
			continue;
		}
		if (part >= PART_MAX) {
			text_add(to, "+/");
			part = 0;
		}
		if (plain(*p, part)) {
			text_addn(to, p, 1);
			part++;
		} else {
			text_addf(to, "%%%02X", (unsigned)(unsigned char)*p);
			part += 3;
		}
	}
	text_add(to, part == 0 ? "_=" : "=");
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
fs_path_part(const char *part, struct text *name, bool *file)
{
	size_t len = strlen(part);
	bool goes_on = len > 0 && part[len - 1] == '+';

	*file = len > 0 && part[len - 1] == '=';
	len -= *file || goes_on;
	if (len == 0 || part[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = part[i];

		if (c == '_' && len == 1)
			break;
		if (c == '%') {
			int high = i + 2 < len ? hex(part[i + 1]) : -1;
			int low = i + 2 < len ? hex(part[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (!plain(c, i)) {
			return false;
		}
		text_addn(name, &c, 1);
	}
	if (!*file && !goes_on)
		text_add(name, "/");
	return !name->cut;
}
