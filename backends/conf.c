/*
 * Words of options, one after the other; nothing is set before a word has proved right.
 */
#include "backends/conf.h"

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

static enum status
read_word(char *word, const struct backends_conf_row *rows, uint32_t nrows, struct text *why)
{
	const struct backends_conf_row *row;
	char *value = strchr(word, '=');
	uint64_t number = 0;
	bool good;

	if (value != NULL)
		*value++ = '\0';
	row = row_of(word, rows, nrows);
	if (row == NULL || value == NULL) {
		text_addf(why, row == NULL ? "unknown option %s" : "option %s has no value", word);
		return ST_INVAL;
	}
	good = row->type == CONF_SIZE ? text_size(value, &number) :
	    text_u64(value, row->least, row->most, &number);
	if (!good || number < row->least || number > row->most) {
		text_addf(why, "option %s: %s is not within its range", word, value);
		return ST_INVAL;
	}
	*row->value = number;
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
