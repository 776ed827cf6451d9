/*
 * dfsctl: the command line, read by the tables command.def and flag.def.
 */
#include "mgmt/ctl/ctl.h"

#include "pipeline/base/panic.h"

#include <stdio.h>
#include <string.h>

#define TEXT CTL_TEXT
#define NUMBER CTL_NUMBER
#define BOOL CTL_BOOL
#define SWITCH CTL_SWITCH
#define LIST CTL_LIST
#define MORE CTL_MORE
#define JSON CTL_JSON

const struct ctl_flag ctl_flags[] = {
#define FLAG(name, letter, kind, where, help) { name, letter, kind, where, help },
#include "mgmt/ctl/flag.def"
#undef FLAG
};
const int ctl_flags_count = ARRAY_LEN(ctl_flags);
_Static_assert(ARRAY_LEN(ctl_flags) <= CTL_FLAGS_MAX, "a run has room for every flag");

const struct ctl_command ctl_commands[] = {
#define COMMAND(words, args, run, method, path, flags, fixed, columns, help) \
	{ words, args, ctl_do_##run, method, path, flags, fixed, columns, help },
#include "mgmt/ctl/command.def"
#undef COMMAND
};
const int ctl_commands_count = ARRAY_LEN(ctl_commands);

static const char everywhere[] =
    "server token output no-color verbose cacert client-cert client-key"
    " tls-skip-verify help";

static int
flag_place(const char *name)
{
	for (int i = 0; i < ctl_flags_count; i++)
		if (strcmp(ctl_flags[i].name, name) == 0)
			return i;
	return -1;
}

const char *
ctl_said(const struct ctl_run *run, const char *flag)
{
	int at = flag_place(flag);

	assert(at >= 0);
	return run->flag[at];
}

void
ctl_say(struct ctl_run *run, const char *flag, const char *value)
{
	int at = flag_place(flag);

	assert(at >= 0);
	run->flag[at] = value;
}

/* Is name a word of that list?  *must: with a ! behind it. */
static bool
listed(const char *list, const char *name, bool *must)
{
	size_t len = strlen(name);

	for (const char *s = list; *s != '\0'; s += strcspn(s, " "), s += *s == ' ') {
		if (strncmp(s, name, len) != 0 || strchr("! ", s[len]) == NULL)
			continue;
		*must = s[len] == '!';
		return true;
	}
	return false;
}

static bool
takes(const struct ctl_command *c, const char *name)
{
	bool must;

	return listed(c->flags, name, &must) || listed(everywhere, name, &must);
}

/* --- help --- */

static void
flag_help(const struct ctl_flag *f, bool must)
{
	char left[40];

	snprintf(left, sizeof left, "%s%c%s--%s%s", f->letter ? "-" : " ",
	    f->letter ? f->letter : ' ', f->letter ? ", " : "  ", f->name,
	    f->kind == CTL_SWITCH ? "" : " …");
	printf("  %-28s %s%s\n", left, f->help, must ? " (must be said)" : "");
}

static int
command_help(const struct ctl_command *c)
{
	bool must;

	printf("dfsctl %s%s%s [FLAG...]\n\n%s\n\nflags:\n", c->words, c->args[0] ? " " : "",
	    c->args, c->help);
	for (int i = 0; i < ctl_flags_count; i++)
		if (listed(c->flags, ctl_flags[i].name, &must))
			flag_help(&ctl_flags[i], must);
	printf("\neverywhere:\n");
	for (int i = 0; i < ctl_flags_count; i++)
		if (!listed(c->flags, ctl_flags[i].name, &must) &&
		    listed(everywhere, ctl_flags[i].name, &must))
			flag_help(&ctl_flags[i], false);
	return 0;
}

/* The commands that begin with those words; how many. */
static int
list_commands(FILE *to, const char *prefix)
{
	size_t len = strlen(prefix);
	int n = 0;

	for (int i = 0; i < ctl_commands_count; i++) {
		const struct ctl_command *c = &ctl_commands[i];

		if (strncmp(c->words, prefix, len) != 0 ||
		    (len > 0 && c->words[len] != ' ' && c->words[len] != '\0'))
			continue;
		fprintf(to, "  %-26s %-10s %s\n", c->words, c->args, c->help);
		n++;
	}
	return n;
}

static int
usage(FILE *to, const char *prefix)
{
	fprintf(to, "usage: dfsctl COMMAND [ARGUMENT...] [FLAG...]; dfsctl COMMAND --help\n\n");
	if (list_commands(to, prefix) == 0)
		list_commands(to, "");
	return to == stdout ? 0 : 2;
}

/* --- reading the line --- */

/* The command whose words begin the arguments; the longest.  *used: how many they are. */
static const struct ctl_command *
find(int argc, char **argv, int *used, char *prefix, size_t cap)
{
	const struct ctl_command *best = NULL;
	size_t len = 0;

	prefix[0] = '\0';
	for (int i = 0; i < argc && argv[i][0] != '-' && len + strlen(argv[i]) + 2 < cap; i++) {
		len += (size_t)snprintf(prefix + len, cap - len, "%s%s", i > 0 ? " " : "", argv[i]);
		for (int k = 0; k < ctl_commands_count; k++)
			if (strcmp(ctl_commands[k].words, prefix) == 0) {
				best = &ctl_commands[k];
				*used = i + 1;
			}
	}
	return best;
}

static const struct ctl_flag *
by_letter(const struct ctl_command *c, char letter)
{
	for (int i = 0; i < ctl_flags_count; i++)
		if (ctl_flags[i].letter == letter && takes(c, ctl_flags[i].name))
			return &ctl_flags[i];
	return NULL;
}

static const struct ctl_flag *
by_name(const struct ctl_command *c, const char *name, size_t len)
{
	for (int i = 0; i < ctl_flags_count; i++)
		if (strncmp(ctl_flags[i].name, name, len) == 0 && ctl_flags[i].name[len] == '\0' &&
		    takes(c, ctl_flags[i].name))
			return &ctl_flags[i];
	return NULL;
}

/* What may be repeated is joined by blanks. */
static bool
keep(struct ctl_run *run, const struct ctl_flag *f, const char *value)
{
	static char joined[4200];
	const char **to = &run->flag[f - ctl_flags];
	size_t len;

	if (f->kind != CTL_MORE || *to == NULL) {
		*to = value;
		return true;
	}
	if (*to != joined)
		snprintf(joined, sizeof joined, "%s", *to);
	len = strlen(joined);
	if (len + strlen(value) + 2 > sizeof joined)
		return false;
	snprintf(joined + len, sizeof joined - len, " %s", value);
	*to = joined;
	return true;
}

/* "true" may be left out of a BOOL where no such word follows. */
static bool
is_word(const char *s)
{
	return s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0);
}

static bool
read_flag(struct ctl_run *run, char **argv, int argc, int *at)
{
	const char *s = argv[*at], *equals = strchr(s, '='), *value = NULL;
	const struct ctl_flag *f;
	bool dashes = s[1] == '-';

	if (dashes)
		f = by_name(run->command, s + 2, equals ? (size_t)(equals - s - 2) : strlen(s + 2));
	else
		f = by_letter(run->command, s[1]);
	if (f == NULL) {
		ctl_fail("%s is no flag of \"%s\"; --help lists them", s, run->command->words);
		return false;
	}
	if (dashes && equals != NULL)
		value = equals + 1;
	else if (!dashes && s[2] != '\0')
		value = s + 2;
	else if (f->kind == CTL_SWITCH || (f->kind == CTL_BOOL &&
	    !is_word(*at + 1 < argc ? argv[*at + 1] : NULL)))
		value = "true";
	else if (*at + 1 < argc)
		value = argv[++*at];
	if (value == NULL || !keep(run, f, value)) {
		ctl_fail("--%s wants a value", f->name);
		return false;
	}
	return true;
}

static int
words_in(const char *s)
{
	int n = *s != '\0';

	for (; *s != '\0'; s++)
		n += *s == ' ';
	return n;
}

static bool
read_line(struct ctl_run *run, int argc, char **argv)
{
	bool must, rest = false;

	for (int i = 0; i < argc; i++) {
		if (!rest && strcmp(argv[i], "--") == 0)
			rest = true;
		else if (!rest && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (!read_flag(run, argv, argc, &i))
				return false;
		} else if (run->nargs < CTL_ARGS_MAX) {
			run->arg[run->nargs++] = argv[i];
		}
	}
	if (ctl_said(run, "help") != NULL)
		return true;
	if (run->nargs != words_in(run->command->args)) {
		ctl_fail("it is: dfsctl %s %s", run->command->words, run->command->args);
		return false;
	}
	for (int i = 0; i < ctl_flags_count; i++)
		if (run->flag[i] == NULL && listed(run->command->flags, ctl_flags[i].name, &must) &&
		    must) {
			ctl_fail("--%s must be said: %s", ctl_flags[i].name, ctl_flags[i].help);
			return false;
		}
	return true;
}

int
main(int argc, char **argv)
{
	struct ctl_run run = { .nargs = 0 };
	char prefix[200];
	int used = 0;

	if (argc < 2)
		return usage(stderr, "");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return usage(stdout, "");
	run.command = find(argc - 1, argv + 1, &used, prefix, sizeof prefix);
	if (run.command == NULL)
		return usage(strcmp(argv[argc - 1], "--help") == 0 ? stdout : stderr, prefix);
	if (!read_line(&run, argc - 1 - used, argv + 1 + used))
		return 2;
	if (ctl_said(&run, "help") != NULL)
		return command_help(run.command);
	return run.command->run(&run);
}
