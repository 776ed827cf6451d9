/*
 * Settings as text: the template, what is in force and where it is from, and the schema of the
 * file.  All three follow the rows; a secret is never written.
 */
#include "mgmt/daemon/config.h"

#include "mgmt/daemon/setting.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/utf.h"

#include <inttypes.h>
#include <string.h>

enum { VALUE_MAX = CONFIG_STR_MAX, GROUP_MAX = 64 };

#define MASK "********"

static bool
is_text(const struct setting *s)
{
	switch (s->kind) {
	case SET_STR: case SET_SECRET: case SET_WORD: case SET_SIZE:
	case SET_PICK: case SET_ENCRYPTION: case SET_COMPRESSION:
		return true;
	case SET_NUM: case SET_FLAG: case SET_ID:
		break;
	}
	return false;
}

/* In quotes as JSON has it, which YAML reads as well; bytes that are no UTF-8
 * are question marks. */
static void
quote(FILE *to, const char *s)
{
	bool text = utf8_valid(s, strlen(s));

	fputc('"', to);
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			fprintf(to, "\\u%04x", (unsigned char)*s);
		else if ((unsigned char)*s >= 0x80 && !text)
			fputc('?', to);
		else
			fputc(*s, to);
	fputc('"', to);
}

static void
put_value(FILE *to, const struct setting *s, const char *value)
{
	if (is_text(s))
		quote(to, s->kind == SET_SECRET && value[0] != '\0' ? MASK : value);
	else
		fputs(value, to);
}

/* Of a remote store: is there anything? */
static bool
is_said(const struct setting *s, const char *value)
{
	return value[0] != '\0' && strcmp(value, "0") != 0 && strcmp(value, "false") != 0 &&
	    (s->dflt == NULL || strcmp(value, s->dflt) != 0);
}

/* --- the template --- */

void
config_template(int fd)
{
	char dflt[VALUE_MAX];

	dprintf(fd,
	    "# Settings of the DittoFS daemon; see dfs.yaml(5).  What is commented out is the\n"
	    "# default.  Each may be overridden by the environment: nfs.port by "
	    "DITTOFS_NFS_PORT.\n\n");
	for (int i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];
		bool quoted = is_text(s) && s->kind != SET_SIZE;

		setting_default_text(s, dflt, sizeof dflt);
		dprintf(fd, "# %s\n#%s: %s%s%s\n\n", s->help, s->key, quoted ? "\"" : "", dflt,
		    quoted ? "\"" : "");
	}
	dprintf(fd,
	    "# Remote stores of this file, for its shares; each setting may also be said by the\n"
	    "# environment: secret_access_key of far is DITTOFS_REMOTES_FAR_SECRET_ACCESS_KEY.\n"
	    "#remotes:\n#  - name: far\n#    type: s3\n#    bucket: backup\n#    region: "
	    "eu-west-1\n"
	    "#    encryption: auto\n#    encryption_key_file: /etc/dittofs/key\n\n");
	dprintf(fd,
	    "# Shares of this file are served from the start; those that dfsctl makes are kept in\n"
	    "# the control database instead.\n"
	    "#shares:\n#  - name: /export\n#    metadata: leveldb\n#    durability: local\n"
	    "#    allow:\n#      - hosts: \"*\"\n#        squash: root\n");
}

/* --- what is in force --- */

static void
put_origin(FILE *to, const struct config *c, int row)
{
	const struct config_origin *o = &c->origin[row];
	char name[GROUP_MAX * 2];

	switch (o->from) {
	case CONFIG_DEFAULT:
		fputs("default", to);
		return;
	case CONFIG_FILE:
		fprintf(to, "file, line %zu", o->line);
		return;
	case CONFIG_ENVIRONMENT:
		setting_variable(&settings[row], name, sizeof name);
		fprintf(to, "environment, %s", o->variable != NULL ? o->variable : name);
		return;
	}
}

static void
put_line(FILE *to, size_t line)
{
	if (line == 0)
		fputs("default", to);
	else
		fprintf(to, "file, line %zu", line);
}

static void
share_yaml(FILE *to, const struct config *c, uint32_t n)
{
	const struct config_share_lines *lines = &c->share_lines[n];
	const struct share_conf *s = &c->shares[n];
	char value[VALUE_MAX];

	for (int i = 0; i < share_settings_count; i++) {
		setting_get(&share_settings[i], s, value, sizeof value);
		fprintf(to, "  %c %s: ", i == 0 ? '-' : ' ', share_settings[i].key);
		put_value(to, &share_settings[i], value);
		fputs("  # ", to);
		put_line(to, lines->setting[i]);
		fputc('\n', to);
	}
	fputs("    allow:  # ", to);
	put_line(to, lines->allow);
	fputc('\n', to);
	for (uint32_t r = 0; r < s->nrules; r++)
		for (int i = 0; i < rule_settings_count; i++) {
			setting_get(&rule_settings[i], &s->rules[r], value, sizeof value);
			fprintf(to, "      %c %s: ", i == 0 ? '-' : ' ', rule_settings[i].key);
			put_value(to, &rule_settings[i], value);
			fputc('\n', to);
		}
}

static void
remote_yaml(FILE *to, const struct config_remote *r)
{
	char value[sizeof r->session_token];

	for (int i = 0; i < remote_settings_count; i++) {
		const struct setting *s = &remote_settings[i];

		setting_get(s, r, value, sizeof value);
		if (i > 0 && r->line[i] == 0 && !is_said(s, value))
			continue;		/* most are another type's */
		fprintf(to, "  %c %s%s: ", i == 0 ? '-' : ' ', s->kind == SET_SECRET ? "#" : "",
		    s->key);
		put_value(to, s, value);
		fputs(r->line[i] != 0 ? "  # " : "  # environment", to);
		if (r->line[i] != 0)
			put_line(to, r->line[i]);
		fputc('\n', to);
	}
}

void
config_show_yaml(const struct config *c, FILE *to)
{
	char value[VALUE_MAX];

	fprintf(to, "# Settings in force; file: %s\n", c->file[0] ? c->file : "none");
	for (int i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		setting_get(s, c, value, sizeof value);
		/* What is masked is no value to read back. */
		fprintf(to, "%s%s: ", s->kind == SET_SECRET && value[0] != '\0' ? "#" : "", s->key);
		put_value(to, s, value);
		fputs("  # ", to);
		put_origin(to, c, i);
		fputc('\n', to);
	}
	if (c->nremotes > 0)
		fputs("remotes:\n", to);
	for (uint32_t i = 0; i < c->nremotes; i++)
		remote_yaml(to, &c->remotes[i]);
	if (c->nshares > 0)
		fputs("shares:\n", to);
	for (uint32_t i = 0; i < c->nshares; i++)
		share_yaml(to, c, i);
}

static void
origin_json(FILE *to, const struct config *c, int row)
{
	static const char *const words[] = { "default", "file", "environment" };
	const struct config_origin *o = &c->origin[row];
	char name[GROUP_MAX * 2];

	fprintf(to, ", \"from\": \"%s\"", words[o->from]);
	if (o->from == CONFIG_FILE)
		fprintf(to, ", \"line\": %zu", o->line);
	setting_variable(&settings[row], name, sizeof name);
	fprintf(to, ", \"variable\": \"%s\"", o->variable != NULL ? o->variable : name);
}

static void
share_json(FILE *to, const struct config *c, uint32_t n)
{
	const struct config_share_lines *lines = &c->share_lines[n];
	const struct share_conf *s = &c->shares[n];
	char value[VALUE_MAX];

	fputs("\n    {", to);
	for (int i = 0; i < share_settings_count; i++) {
		setting_get(&share_settings[i], s, value, sizeof value);
		fprintf(to, "\"%s\": {\"value\": ", share_settings[i].key);
		put_value(to, &share_settings[i], value);
		fprintf(to, ", \"from\": \"%s\"", lines->setting[i] ? "file" : "default");
		if (lines->setting[i] > 0)
			fprintf(to, ", \"line\": %zu", lines->setting[i]);
		fputs("},\n     ", to);
	}
	fputs("\"allow\": [", to);
	for (uint32_t r = 0; r < s->nrules; r++) {
		fputs(r > 0 ? ", {" : "{", to);
		for (int i = 0; i < rule_settings_count; i++) {
			setting_get(&rule_settings[i], &s->rules[r], value, sizeof value);
			fprintf(to, "%s\"%s\": ", i > 0 ? ", " : "", rule_settings[i].key);
			put_value(to, &rule_settings[i], value);
		}
		fputc('}', to);
	}
	fputs("]}", to);
}

static void
remote_json(FILE *to, const struct config_remote *r)
{
	char value[sizeof r->session_token];
	bool first = true;

	fputs("\n    {", to);
	for (int i = 0; i < remote_settings_count; i++) {
		const struct setting *s = &remote_settings[i];

		setting_get(s, r, value, sizeof value);
		if (i > 0 && r->line[i] == 0 && !is_said(s, value))
			continue;
		fprintf(to, "%s\"%s\": {\"value\": ", first ? "" : ",\n     ", s->key);
		put_value(to, s, value);
		fprintf(to, ", \"from\": \"%s\"", r->line[i] ? "file" : "environment");
		if (r->line[i] > 0)
			fprintf(to, ", \"line\": %zu", r->line[i]);
		fputc('}', to);
		first = false;
	}
	fputc('}', to);
}

void
config_show_json(const struct config *c, FILE *to)
{
	char value[VALUE_MAX];

	fputs("{\n  \"file\": ", to);
	if (c->file[0] != '\0')
		quote(to, c->file);
	else
		fputs("null", to);
	fputs(",\n  \"settings\": {", to);
	for (int i = 0; i < settings_count; i++) {
		setting_get(&settings[i], c, value, sizeof value);
		fprintf(to, "%s\n    \"%s\": {\"value\": ", i > 0 ? "," : "", settings[i].key);
		put_value(to, &settings[i], value);
		origin_json(to, c, i);
		fputc('}', to);
	}
	fputs("\n  },\n  \"remotes\": [", to);
	for (uint32_t i = 0; i < c->nremotes; i++) {
		if (i > 0)
			fputc(',', to);
		remote_json(to, &c->remotes[i]);
	}
	fputs("],\n  \"shares\": [", to);
	for (uint32_t i = 0; i < c->nshares; i++) {
		if (i > 0)
			fputc(',', to);
		share_json(to, c, i);
	}
	fputs("]\n}\n", to);
}

/* --- the schema --- */

static void
words_schema(FILE *to, const struct setting *s)
{
	fputs("\"enum\": [", to);
	for (const char *w = s->words; *w != '\0'; w += strcspn(w, " "), w += strspn(w, " "))
		fprintf(to, "%s\"%.*s\"", w > s->words ? ", " : "", (int)strcspn(w, " "), w);
	if (s->kind == SET_COMPRESSION)
		for (int level = 1; level <= 19; level++)
			fprintf(to, ", \"zstd-%d\"", level);
	fputs("]", to);
}

static void
type_schema(FILE *to, const struct setting *s)
{
	switch (s->kind) {
	case SET_STR: case SET_SECRET:
		fprintf(to, "\"type\": [\"string\", \"null\"], \"maxLength\": %zu", s->cap - 1);
		return;
	case SET_NUM: case SET_ID:
		fprintf(to,
		    "\"type\": \"integer\", \"minimum\": %" PRIu64 ", \"maximum\": %" PRIu64,
		    s->least, s->most);
		return;
	case SET_SIZE:
		fprintf(to,
		    "\"type\": [\"integer\", \"string\"], \"minimum\": %" PRIu64
		    ", \"maximum\": %" PRIu64 ", \"pattern\": \"^[0-9.]+ *([KMGT]i?B?|B)?$\"",
		    s->least, s->most);
		return;
	case SET_FLAG:
		fputs("\"type\": \"boolean\"", to);
		return;
	case SET_WORD: case SET_PICK: case SET_ENCRYPTION: case SET_COMPRESSION:
		words_schema(to, s);
		return;
	}
}

/* name: "nfs.port", or its last part where it stands in its group. */
static void
property(FILE *to, const struct setting *s, const char *name, int indent, bool first)
{
	char dflt[VALUE_MAX];

	setting_default_text(s, dflt, sizeof dflt);
	fprintf(to, "%s\n%*s\"%s\": {", first ? "" : ",", indent, "", name);
	type_schema(to, s);
	if (!is_text(s) || dflt[0] != '\0') {
		fputs(", \"default\": ", to);
		put_value(to, s, dflt);
	}
	fputs(", \"description\": ", to);
	quote(to, s->help);
	fputc('}', to);
}

/* The groups of keys, as nested mappings: all rows whose key begins with prefix ("nfs."). */
static void
group(FILE *to, const char *prefix, int indent)
{
	size_t len = strlen(prefix);
	char done[GROUP_MAX] = "", sub[GROUP_MAX];
	bool first = true;

	for (int i = 0; i < settings_count; i++) {
		const char *rest = settings[i].key + len, *dot;

		if (strncmp(settings[i].key, prefix, len) != 0)
			continue;
		dot = strchr(rest, '.');
		if (dot == NULL) {
			property(to, &settings[i], rest, indent, first);
			first = false;
			continue;
		}
		snprintf(sub, sizeof sub, "%.*s", (int)(dot + 1 - settings[i].key),
		    settings[i].key);
		if (strcmp(sub, done) == 0)
			continue;	/* the rows of a group stand together */
		snprintf(done, sizeof done, "%s", sub);
		fprintf(to,
		    "%s\n%*s\"%.*s\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": "
		    "false, \"properties\": {",
		    first ? "" : ",", indent, "", (int)(dot - rest), rest);
		first = false;
		group(to, sub, indent + 2);
		fputs("}}", to);
	}
}

static void
list_schema(FILE *to, const struct setting *rows, int n, int indent)
{
	for (int i = 0; i < n; i++)
		property(to, &rows[i], rows[i].key, indent, i == 0);
}

void
config_schema(FILE *to)
{
	fputs("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      "  \"title\": \"Settings of the DittoFS daemon, dfs.yaml(5)\",\n"
	      "  \"type\": [\"object\", \"null\"],\n  \"additionalProperties\": false,\n  "
	      "\"properties\": {",
	    to);
	group(to, "", 4);
	for (int i = 0; i < settings_count; i++)	/* and in one word each: nfs.port */
		if (strchr(settings[i].key, '.') != NULL)
			property(to, &settings[i], settings[i].key, 4, false);
	fprintf(to,
	    ",\n    \"remotes\": {\"type\": [\"array\", \"null\"], \"maxItems\": %d, \"items\": "
	    "{\"type\": \"object\", "
	    "\"additionalProperties\": false, \"required\": [\"name\"], \"properties\": {",
	    CONFIG_REMOTES_MAX);
	list_schema(to, remote_settings, remote_settings_count, 6);
	fputs("}}}", to);
	fprintf(to,
	    ",\n    \"shares\": {\"type\": [\"array\", \"null\"], \"maxItems\": %d, \"items\": "
	    "{\"type\": \"object\", "
	    "\"additionalProperties\": false, \"required\": [\"name\"], \"properties\": {",
	    CONFIG_SHARES_MAX);
	list_schema(to, share_settings, share_settings_count, 6);
	fprintf(to,
	    ",\n      \"allow\": {\"type\": [\"array\", \"null\"], \"maxItems\": %d, \"items\": "
	    "{\"type\": \"object\", "
	    "\"additionalProperties\": false, \"properties\": {",
	    EXPORT_RULES_MAX);
	list_schema(to, rule_settings, rule_settings_count, 8);
	fputs("}}}}}}\n  }\n}\n", to);
}
