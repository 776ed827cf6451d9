/*
 * Answers as a table, JSON or YAML.  Control characters of a server are never sent to a terminal.
 */
#include "mgmt/ctl/ctl.h"

#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COLUMNS_MAX = 10, CELL = 200 };

/* --- tables --- */

static void
cell_text(const struct rest_json *j, struct text *t)
{
	if (j == NULL)
		return;
	switch (rest_json_kind(j)) {
	case REST_NULL:
		text_add(t, "-");
		return;
	case REST_STRING:
		for (const char *s = rest_json_str(j); *s != '\0'; s++)
			text_addn(t, iscntrl((unsigned char)*s) ? "?" : s, 1);
		return;
	case REST_ARRAY:
		for (size_t i = 0; i < rest_json_len(j); i++) {
			const struct rest_json *one = rest_json_at(j, i);

			text_add(t, i > 0 ? "," : "");
			if (rest_json_kind(one) == REST_OBJECT &&
			    rest_json_get(one, "value") != NULL)
				one = rest_json_get(one, "value");
			if (rest_json_kind(one) == REST_STRING)
				cell_text(one, t);
		}
		return;
	case REST_FALSE: case REST_TRUE: case REST_INT: case REST_REAL: case REST_OBJECT:
		break;
	}
	char *s = rest_json_text(j);

	text_add(t, s);
	free(s);
}

static const struct rest_json *
member(const struct rest_json *j, const char *path, size_t len)
{
	char word[64];

	while (j != NULL && len > 0) {
		size_t n = 0;

		while (n < len && path[n] != '.')
			n++;
		snprintf(word, sizeof word, "%.*s", (int)n, path);
		j = rest_json_kind(j) == REST_OBJECT ? rest_json_get(j, word) : NULL;
		path += n + (n < len);
		len -= n + (n < len);
	}
	return j;
}

struct column {
	char head[32];
	const char *path;
	size_t len;
	int width;
};

static int
read_columns(const char *s, struct column *c)
{
	int n = 0;

	while (*s != '\0' && n < COLUMNS_MAX) {
		size_t head = strcspn(s, ":");

		snprintf(c[n].head, sizeof c[n].head, "%.*s", (int)head, s);
		c[n].path = s + head + 1;
		c[n].len = strcspn(c[n].path, ",");
		c[n].width = (int)head;
		s = c[n].path + c[n].len;
		s += *s == ',';
		n++;
	}
	return n;
}

/* UTF-8's following bytes take no place. */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
row(const struct rest_json *j, struct column *c, int n, bool print)
{
	for (int i = 0; i < n; i++) {
		char cell[CELL] = "";
		struct text t = text_of(cell, sizeof cell);
		int w;

		cell_text(member(j, c[i].path, c[i].len), &t);
		w = width_of(cell);
		if (!print)
			c[i].width = w > c[i].width ? w : c[i].width;
		else if (i + 1 < n)
			printf("%s%*s", cell, c[i].width - w + 3, "");
		else
			printf("%s\n", cell);
	}
}

static void
table(const struct rest_json *j, const char *columns)
{
	struct column c[COLUMNS_MAX];
	int n = read_columns(columns, c);
	bool list = rest_json_kind(j) == REST_ARRAY;
	size_t rows = list ? rest_json_len(j) : 1;

	for (size_t i = 0; i < rows; i++)
		row(list ? rest_json_at(j, i) : j, c, n, false);
	for (int i = 0; i < n; i++)
		if (i + 1 < n)
			printf("%-*s", c[i].width + 3, c[i].head);
		else
			printf("%s\n", c[i].head);
	for (size_t i = 0; i < rows; i++)
		row(list ? rest_json_at(j, i) : j, c, n, true);
}

static bool
print_member(const char *key, const struct rest_json *value, void *arg)
{
	char cell[CELL * 4] = "";
	struct text t = text_of(cell, sizeof cell);

	(void)arg;
	cell_text(value, &t);
	printf("%-24s %s\n", key, cell);
	return true;
}

/* --- YAML: every text that could be read as something else is quoted --- */

static void
yaml_string(const char *s)
{
	static const char *const taken[] = { "", "true", "false", "null", "yes", "no", "on", "off",
		"~" };
	bool plain = isalpha((unsigned char)s[0]) || s[0] == '/';

	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		plain = plain && strcasecmp(s, taken[i]) != 0;
	for (const char *c = s; *c != '\0'; c++)
		plain = plain && (isalnum((unsigned char)*c) || strchr("/._-+@", *c) != NULL);
	if (plain)
		fputs(s, stdout);
	else {
		struct rest_json *j = rest_json_string(s);
		char *text = rest_json_text(j);

		fputs(text, stdout);
		free(text);
		rest_json_free(j);
	}
}

static void yaml(const struct rest_json *j, int depth);

static void
yaml_value(const struct rest_json *j, int depth)
{
	enum rest_json_kind k = rest_json_kind(j);
	char *text = k == REST_STRING ? NULL : rest_json_text(j);
	bool nested = (k == REST_ARRAY || k == REST_OBJECT) && strlen(text) > 2;

	if (nested) {
		fputc('\n', stdout);
		yaml(j, depth);
	} else {
		fputc(' ', stdout);
		if (k == REST_STRING)
			yaml_string(rest_json_str(j));
		else
			fputs(text, stdout);
		fputc('\n', stdout);
	}
	free(text);
}

static bool
yaml_member(const char *key, const struct rest_json *value, void *arg)
{
	int *depth = arg;

	printf("%*s", *depth > 0 ? *depth : 0, "");
	if (*depth < 0)
		*depth = -*depth;	/* the first stands behind its dash */
	yaml_string(key);
	fputc(':', stdout);
	yaml_value(value, *depth + 2);
	return true;
}

/* Depth is bounded by the parser's. */
static void
yaml(const struct rest_json *j, int depth)
{
	if (rest_json_kind(j) == REST_OBJECT) {
		rest_json_each(j, yaml_member, &depth);
		return;
	}
	for (size_t i = 0; i < rest_json_len(j); i++) {
		const struct rest_json *one = rest_json_at(j, i);
		int inner = -(depth + 2);

		printf("%*s-", depth, "");
		if (rest_json_kind(one) != REST_OBJECT) {
			yaml_value(one, depth + 2);
			continue;
		}
		fputc(' ', stdout);
		rest_json_each(one, yaml_member, &inner);
	}
}

int
ctl_print(const struct ctl_run *run, const struct rest_json *j, const char *columns)
{
	const char *form = ctl_said(run, "output");
	enum rest_json_kind k = rest_json_kind(j);

	if (form == NULL || strcmp(form, "table") == 0) {
		if (columns != NULL)
			table(j, columns);
		else if (k == REST_OBJECT)
			rest_json_each(j, print_member, NULL);
		return 0;
	}
	if (strcmp(form, "yaml") == 0) {
		if (k == REST_ARRAY && rest_json_len(j) == 0)
			printf("[]\n");
		else
			yaml(j, 0);
		return 0;
	}
	if (strcmp(form, "json") == 0) {
		char *text = rest_json_pretty(j);

		printf("%s\n", text);
		free(text);
		return 0;
	}
	return ctl_fail("--output is table, json or yaml, not \"%s\"", form);
}

void
ctl_say_line(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		putchar(iscntrl((unsigned char)*text) ? '?' : *text);
	putchar('\n');
}
