/*
 * The knobs of the gateway: rows of settings.def as members, with their defaults, set by
 * name from an operator's text.
 */
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTING_TEXT_MAX = 63 };

struct gateway_settings {
#define SETTING_BOOL(member)	bool member;
#define SETTING_NUMBER(member)	uint64_t member;
#define SETTING_SIZE(member)	uint64_t member;
#define SETTING_TIME(member)	uint64_t member;
#define SETTING_TEXT(member)	char member[SETTING_TEXT_MAX + 1];
#define SETTING(type, member, name, value, least, most, help) SETTING_##type(member)
#include "gateway/settings.def"
#undef SETTING
#undef SETTING_BOOL
#undef SETTING_NUMBER
#undef SETTING_SIZE
#undef SETTING_TIME
#undef SETTING_TEXT
};

void gateway_settings_default(struct gateway_settings *s);

/* NOENT: no setting of that name.  INVAL: not a value of its type, or out of its
 * bounds. */
must_check enum status gateway_settings_set(struct gateway_settings *s, const char *name,
    const char *value);

/* For lists of them: the i-th name and what it does; NULL behind the last. */
const char *gateway_settings_name(uint32_t i);
const char *gateway_settings_help(uint32_t i);

#endif
