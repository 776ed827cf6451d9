/*
 * The rows of config.def and share.def, and their values: reading, writing, defaults.
 */
#include "mgmt/daemon/setting.h"

#include "mgmt/daemon/config.h"
#include "mgmt/shares/words.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LIKE_MAX = 64, LIKE_FAR = 4 };

#define HOLDS(field) offsetof(struct config, field), sizeof ((struct config *)NULL)->field
const struct setting settings[] = {
#define STR(p, field, dflt, help) { p, SET_STR, HOLDS(field), dflt, 0, 0, 0, NULL, help },
#define SECRET(p, field, dflt, help) { p, SET_SECRET, HOLDS(field), dflt, 0, 0, 0, NULL, help },
#define WORD(p, field, dflt, words, help) { p, SET_WORD, HOLDS(field), dflt, 0, 0, 0, words, help },
#define NUM(p, field, dflt, least, most, help) \
	{ p, SET_NUM, HOLDS(field), NULL, dflt, least, most, NULL, help },
#define SIZE(p, field, dflt, least, most, help) \
	{ p, SET_SIZE, HOLDS(field), NULL, dflt, least, most, NULL, help },
#define FLAG(p, field, dflt, help) { p, SET_FLAG, HOLDS(field), NULL, dflt, 0, 1, NULL, help },
#include "mgmt/daemon/config.def"
};
const int settings_count = ARRAY_LEN(settings);
#undef HOLDS

const struct setting share_settings[] = {
#define SHARE(kind, key, field, dflt, num, least, most, words, help) \
	{ key, SET_##kind, offsetof(struct share_conf, field), \
	  sizeof ((struct share_conf *)NULL)->field, dflt, num, least, most, words, help },
#include "mgmt/daemon/share.def"
};
const int share_settings_count = ARRAY_LEN(share_settings);
_Static_assert(ARRAY_LEN(share_settings) == CONFIG_SHARE_SETTINGS, "a line is kept for each");

const struct setting rule_settings[] = {
#define RULE(kind, key, field, dflt, num, least, most, words, help) \
	{ key, SET_##kind, offsetof(struct export_rule, field), \
	  sizeof ((struct export_rule *)NULL)->field, dflt, num, least, most, words, help },
#include "mgmt/daemon/share.def"
};
const int rule_settings_count = ARRAY_LEN(rule_settings);

const struct setting remote_settings[] = {
#define REMOTE(kind, key, field, dflt, num, least, most, words, help) \
	{ key, SET_##kind, offsetof(struct config_remote, field), \
	  sizeof ((struct config_remote *)NULL)->field, dflt, num, least, most, words, help },
#include "mgmt/daemon/share.def"
};
const int remote_settings_count = ARRAY_LEN(remote_settings);
_Static_assert(ARRAY_LEN(remote_settings) == CONFIG_REMOTE_SETTINGS, "a line is kept for each");

int
setting_at(const struct setting *rows, int n, const char *key)
{
	for (int i = 0; i < n; i++)
		if (strcmp(rows[i].key, key) == 0)
			return i;
	return -1;
}

/* Which of the words; −1: none. */
static int
word_at(const char *words, const char *value)
{
	size_t len = strlen(value);
	int i = 0;

	for (const char *w = words; *w != '\0'; w += strcspn(w, " "), w += strspn(w, " "), i++)
		if (strcspn(w, " ") == len && strncasecmp(w, value, len) == 0)
			return i;
	return -1;
}

/* The word at that place of words, which has as many. */
static const char *
word_of(const char *words, unsigned at, size_t *len)
{
	while (at-- > 0) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	*len = strcspn(words, " ");
	return words;
}

static void
size_text(uint64_t n, char *to, size_t cap)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;

	for (; n > 0 && n % 1024 == 0 && u + 1 < ARRAY_LEN(units); u++)
		n /= 1024;
	snprintf(to, cap, "%llu%s", (unsigned long long)n, units[u]);
}

/* --- a value that is put --- */

static bool
put_text(const struct setting *s, char *to, const char *value, char *why, size_t cap)
{
	if (s->kind == SET_WORD && word_at(s->words, value) < 0) {
		snprintf(why, cap, "\"%.100s\" is none of: %s", value, s->words);
		return false;
	}
	if (strlen(value) >= s->cap) {
		snprintf(why, cap, "longer than %zu bytes", s->cap - 1);
		return false;
	}
	memcpy(to, value, strlen(value) + 1);
	if (s->kind == SET_WORD)
		for (; *to != '\0'; to++)
			*to = (char)tolower((unsigned char)*to);
	return true;
}

static bool
put_number(const struct setting *s, void *to, const char *value, char *why, size_t cap)
{
	char least[32], most[32];
	uint64_t n;

	if (s->kind == SET_SIZE) {
		size_text(s->least, least, sizeof least);
		size_text(s->most, most, sizeof most);
		if (!text_size(value, &n) || n < s->least || n > s->most) {
			snprintf(why, cap, "\"%.100s\" is no size from %s to %s, as in 256MiB",
			    value, least, most);
			return false;
		}
	} else if (s->kind == SET_SPAN) {
		if (!text_seconds(value, &n) || n < s->least || n > s->most) {
			struct text from = text_of(least, sizeof least);
			struct text to_text = text_of(most, sizeof most);

			text_add_seconds(&from, s->least);
			text_add_seconds(&to_text, s->most);
			snprintf(why, cap, "\"%.100s\" is no duration from %s to %s, as in 72h",
			    value, least, most);
			return false;
		}
	} else if (!text_u64(value, s->least, s->most, &n)) {
		snprintf(why, cap, "\"%.100s\" is no whole number from %llu to %llu", value,
		    (unsigned long long)s->least, (unsigned long long)s->most);
		return false;
	}
	if (s->kind == SET_ID)
		*(uint32_t *)to = (uint32_t)n;
	else
		*(uint64_t *)to = n;
	return true;
}

static bool
put_flag(bool *to, const char *value, char *why, size_t cap)
{
	bool yes = strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0;

	if (!yes && strcasecmp(value, "false") != 0 && strcasecmp(value, "no") != 0) {
		snprintf(why, cap, "\"%.100s\" is neither true nor false", value);
		return false;
	}
	*to = yes;
	return true;
}

static bool
put_choice(const struct setting *s, uint8_t *to, const char *value, char *why, size_t cap)
{
	int at;

	if (s->kind == SET_ENCRYPTION && shares_encryption_of(value, to))
		return true;
	if (s->kind == SET_COMPRESSION && shares_compression_of(value, to))
		return true;
	at = s->kind == SET_PICK ? word_at(s->words, value) : -1;
	if (at >= 0) {
		*to = (uint8_t)at;
		return true;
	}
	snprintf(why, cap, "\"%.100s\" is none of: %s%s", value, s->words,
	    s->kind == SET_COMPRESSION ? ", nor zstd-1 to zstd-19" : "");
	return false;
}

bool
setting_put(const struct setting *s, void *holder, const char *value, char *why, size_t cap)
{
	void *to = (char *)holder + s->at;

	switch (s->kind) {
	case SET_STR: case SET_SECRET: case SET_WORD:
		return put_text(s, to, value, why, cap);
	case SET_NUM: case SET_SIZE: case SET_ID: case SET_SPAN:
		return put_number(s, to, value, why, cap);
	case SET_FLAG:
		return put_flag(to, value, why, cap);
	case SET_PICK: case SET_ENCRYPTION: case SET_COMPRESSION:
		return put_choice(s, to, value, why, cap);
	}
	return false;
}

/* --- a value that is shown --- */

void
setting_get(const struct setting *s, const void *holder, char *to, size_t cap)
{
	const void *from = (const char *)holder + s->at;
	struct text span;
	const char *word;
	size_t len;

	switch (s->kind) {
	case SET_STR: case SET_SECRET: case SET_WORD:
		snprintf(to, cap, "%s", (const char *)from);
		return;
	case SET_NUM:
		snprintf(to, cap, "%llu", (unsigned long long)*(const uint64_t *)from);
		return;
	case SET_SIZE:
		size_text(*(const uint64_t *)from, to, cap);
		return;
	case SET_SPAN:
		span = text_of(to, cap);
		text_add_seconds(&span, *(const uint64_t *)from);
		return;
	case SET_ID:
		snprintf(to, cap, "%u", *(const uint32_t *)from);
		return;
	case SET_FLAG:
		snprintf(to, cap, "%s", *(const bool *)from ? "true" : "false");
		return;
	case SET_PICK:
		word = word_of(s->words, *(const uint8_t *)from, &len);
		snprintf(to, cap, "%.*s", (int)len, word);
		return;
	case SET_ENCRYPTION:
		snprintf(to, cap, "%s", shares_encryption_word(*(const uint8_t *)from));
		return;
	case SET_COMPRESSION:
		snprintf(to, cap, *(const uint8_t *)from == 0 ? "none" : "zstd-%u",
		    *(const uint8_t *)from);
		return;
	}
}

static void
put_default(const struct setting *s, void *holder)
{
	void *to = (char *)holder + s->at;

	switch (s->kind) {
	case SET_STR: case SET_SECRET: case SET_WORD:
		snprintf(to, s->cap, "%s", s->dflt);
		return;
	case SET_NUM: case SET_SIZE: case SET_SPAN:
		*(uint64_t *)to = s->dflt_num;
		return;
	case SET_ID:
		*(uint32_t *)to = (uint32_t)s->dflt_num;
		return;
	case SET_FLAG:
		*(bool *)to = s->dflt_num != 0;
		return;
	case SET_PICK: case SET_ENCRYPTION: case SET_COMPRESSION:
		*(uint8_t *)to = (uint8_t)s->dflt_num;
		return;
	}
}

void
setting_defaults(const struct setting *rows, int n, void *holder)
{
	for (int i = 0; i < n; i++)
		put_default(&rows[i], holder);
}

void
setting_default_text(const struct setting *s, char *to, size_t cap)
{
	_Alignas(16) char holder[4 * CONFIG_STR_MAX];	/* the longest: a token */
	struct setting alone = *s;

	alone.at = 0;
	assert(alone.cap <= sizeof holder);
	put_default(&alone, holder);
	setting_get(&alone, holder, to, cap);
}

void
setting_variable(const struct setting *s, char *to, size_t cap)
{
	size_t n = (size_t)snprintf(to, cap, "DITTOFS_");

	for (const char *k = s->key; *k != '\0' && n + 1 < cap; k++)
		to[n++] = *k == '.' ? '_' : (char)toupper((unsigned char)*k);
	to[n] = '\0';
}

/* --- a key that is none --- */

/* How many letters to add, take or change: Levenshtein, by one row of the table. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[LIKE_MAX + 1], left, was;
	size_t na = strlen(a), nb = strlen(b);

	if (na > LIKE_MAX || nb > LIKE_MAX)
		return LIKE_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		left = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			was = row[j];
			row[j] = MIN(MIN(row[j], row[j - 1]) + 1, left + (a[i - 1] != b[j - 1]));
			left = was;
		}
	}
	return row[nb];
}

const char *
setting_like(const struct setting *rows, int n, const char *key)
{
	const char *best = NULL;
	unsigned near = LIKE_FAR;

	for (int i = 0; i < n; i++) {
		unsigned d = distance(rows[i].key, key);

		if (d < near) {
			near = d;
			best = rows[i].key;
		}
	}
	return best;
}
