/*
 * Words of options, one after the other; nothing is set before a word has proved right.
 */
#include "backends/conf.h"

#include "pipeline/base/panic.h"

#include <string.h>

enum { WORD_MAX = 128 };

static const struct backends_conf_row *
row_of(const char *key, const struct backends_conf_row *rows, uint32_t nrows)
{
	for (uint32_t i = 0; i < nrows; i++)
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

static bool
set_number(const struct backends_conf_row *row, const char *value)
{
	uint64_t number = 0;
	bool good = row->type == CONF_SIZE ? text_size(value, &number) :
	    text_u64(value, row->least, row->most, &number);

	if (!good || number < row->least || number > row->most)
		return false;
	*(uint64_t *)row->value = number;
	return true;
}

static bool
set_flag(const struct backends_conf_row *row, const char *value)
{
	bool yes = strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "false") != 0)
		return false;
	*(bool *)row->value = yes;
	return true;
}

static bool
set_text(const struct backends_conf_row *row, const char *value)
{
	size_t len = strlen(value);

	if (len < row->least || len > row->most)
		return false;
	*(const char **)row->value = value;
	return true;
}

static bool
set(const struct backends_conf_row *row, const char *value)
{
	switch (row->type) {
	case CONF_SIZE: case CONF_NUMBER: return set_number(row, value);
	case CONF_FLAG: return set_flag(row, value);
	case CONF_TEXT: return set_text(row, value);
	}
	return false;
}

static enum status
read_word(char *word, const struct backends_conf_row *rows, uint32_t nrows, struct text *why)
{
	const struct backends_conf_row *row;
	char *value = strchr(word, '=');

	if (value != NULL)
		*value++ = '\0';
	row = row_of(word, rows, nrows);
	if (row == NULL || value == NULL) {
		text_addf(why, row == NULL ? "unknown option %s" : "option %s has no value", word);
		return ST_INVAL;
	}
	assert(row->type == CONF_SIZE || row->type == CONF_NUMBER);	/* a word does not last */
	if (!set_number(row, value)) {
		text_addf(why, "option %s: %s is not within its range", word, value);
		return ST_INVAL;
	}
	return OK;
}

enum status
backends_conf_pairs(const struct backends_pair *pairs, uint32_t npairs,
    const struct backends_conf_row *rows, uint32_t nrows, struct text *why)
{
	for (uint32_t i = 0; i < npairs; i++) {
		const struct backends_conf_row *row = row_of(pairs[i].key, rows, nrows);

		if (row == NULL || !set(row, pairs[i].value)) {
			text_addf(why, row == NULL ? "unknown option %.64s" :
			    "option %.64s: its value is not within its range", pairs[i].key);
			return ST_INVAL;
		}
	}
	return OK;
}

enum status
backends_conf_read(const char *options, const struct backends_conf_row *rows, uint32_t nrows,
    struct text *why)
{
	char word[WORD_MAX];
	enum status st = OK;

	if (options == NULL)
		return OK;
	while (st == OK) {
		size_t len;

		options += strspn(options, " \t");
		len = strcspn(options, " \t");
		if (len == 0)
			break;
		if (len >= sizeof word) {
			text_add(why, "an option is too long");
			return ST_INVAL;
		}
		memcpy(word, options, len);
		word[len] = '\0';
		options += len;
		st = read_word(word, rows, nrows, why);
	}
	return st;
}
