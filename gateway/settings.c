/*
 * Settings by name: a row says its type, its bounds, and where in the struct it lies.
 */
#include "gateway/settings.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <string.h>

enum setting_type { TYPE_BOOL, TYPE_NUMBER, TYPE_SIZE, TYPE_TIME, TYPE_TEXT };

struct row {
	const char *name, *help;
	size_t at;
	uint64_t least, most;
	enum setting_type type;
};

static const struct row rows[] = {
#define SETTING(type, member, name, value, least, most, help) \
	{ name, help, offsetof(struct gateway_settings, member), least, most, TYPE_##type },
#include "gateway/settings.def"
#undef SETTING
};

void
gateway_settings_default(struct gateway_settings *s)
{
	static const struct gateway_settings start = {
#define SETTING(type, member, name, value, least, most, help) .member = value,
#include "gateway/settings.def"
#undef SETTING
	};

	*s = start;
}

static bool
bool_of(const char *text, uint64_t *out)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0)
		*out = 1;
	else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0)
		*out = 0;
	else
		return false;
	return true;
}

static bool
number_of(const struct row *row, const char *text, uint64_t *out)
{
	switch (row->type) {
	case TYPE_BOOL:
		return bool_of(text, out);
	case TYPE_NUMBER:
		return text_u64(text, row->least, row->most, out);
	case TYPE_SIZE:
		return text_size(text, out);
	case TYPE_TIME:
		return text_duration(text, out);
	case TYPE_TEXT:
		*out = strlen(text);
		return true;
	}
	return false;
}

static enum status
put(struct gateway_settings *s, const struct row *row, const char *value)
{
	uint8_t *at = (uint8_t *)s + row->at;
	uint64_t v;
	bool on;

	if (!number_of(row, value, &v) || v < row->least || v > row->most)
		return ST_INVAL;
	if (row->type == TYPE_BOOL) {
		on = v != 0;
		memcpy(at, &on, sizeof on);
	} else if (row->type == TYPE_TEXT) {
		memcpy(at, value, v + 1);
	} else {
		memcpy(at, &v, sizeof v);
	}
	return OK;
}

enum status
gateway_settings_set(struct gateway_settings *s, const char *name, const char *value)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return put(s, &rows[i], value);
	return ST_NOENT;
}

const char *
gateway_settings_name(uint32_t i)
{
	return i < ARRAY_LEN(rows) ? rows[i].name : NULL;
}

const char *
gateway_settings_help(uint32_t i)
{
	return i < ARRAY_LEN(rows) ? rows[i].help : NULL;
}
