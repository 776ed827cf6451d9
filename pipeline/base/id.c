/*
 * Ids of 128 random bits and their text.
 */
#include "pipeline/base/id.h"

#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"

struct id128
id128_random(void)
{
	struct id128 id;

	do
		rand_bytes(id.b, sizeof id.b);
	while (id128_none(id));
	return id;
}

char *
id128_text(struct id128 id, char to[ID128_TEXT])
{
	struct text t = text_of(to, ID128_TEXT);

	text_hex(&t, id.b, sizeof id.b);
	return to;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
id128_parse(const char *s, struct id128 *out)
{
	struct id128 id;

	for (int i = 0; i < 16; i++) {
		int high = digit(s[2 * i]), low = high < 0 ? -1 : digit(s[2 * i + 1]);

		if (low < 0)
			return false;
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	if (s[32] != '\0')
		return false;
	*out = id;
	return true;
}
