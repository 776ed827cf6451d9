/*
 * Settings as rows: what a key may be, where its value lies, and how it is written.
 */
#ifndef MGMT_SETTING_H
#define MGMT_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_kind {
	SET_STR, SET_SECRET,		/* a text; one that is never shown */
	SET_WORD,			/* one of words, kept as it is */
	SET_NUM, SET_SIZE, SET_FLAG, SET_ID,	/* uint64_t, uint64_t, bool, uint32_t */
	SET_SPAN,			/* uint64_t: seconds */
	SET_PICK,			/* uint8_t: which of words */
	SET_ENCRYPTION, SET_COMPRESSION,	/* uint8_t: mgmt/shares/words.h */
};

struct setting {
	const char *key;		/* "nfs.port", or "journal" of a share */
	enum setting_kind kind;
	size_t at, cap;			/* offset and size of the value in what holds it */
	const char *dflt;		/* of texts; NULL: see dflt_num */
	uint64_t dflt_num, least, most;
	const char *words;		/* separated by spaces */
	const char *help;
};

extern const struct setting settings[], share_settings[], rule_settings[], remote_settings[];
extern const int settings_count, share_settings_count, rule_settings_count, remote_settings_count;

/* The row of that key, or −1. */
int setting_at(const struct setting *rows, int n, const char *key);

/* Put the value of that row into what holds it; false: why says what it must be, without naming the
 * key, nor the value of a secret. */
bool setting_put(const struct setting *s, void *holder, const char *value, char *why, size_t cap);

/* The value as setting_put takes it; a size in whole units. */
void setting_get(const struct setting *s, const void *holder, char *to, size_t cap);
void setting_default_text(const struct setting *s, char *to, size_t cap);
void setting_defaults(const struct setting *rows, int n, void *holder);

/* "DITTOFS_NFS_PORT". */
void setting_variable(const struct setting *s, char *to, size_t cap);

/* The row's key that is most like that one; NULL: none is near. */
const char *setting_like(const struct setting *rows, int n, const char *key);

#endif
