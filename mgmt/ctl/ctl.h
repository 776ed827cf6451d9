/*
 * One run of dfsctl: the command, what was said to it, whom it talks to.
 */
#ifndef MGMT_CTL_H
#define MGMT_CTL_H

#include "mgmt/rest/json.h"

enum { CTL_ARGS_MAX = 4, CTL_FLAGS_MAX = 128, CTL_URL_MAX = 2048 };
enum ctl_flag_kind { CTL_TEXT, CTL_NUMBER, CTL_BOOL, CTL_SWITCH, CTL_LIST, CTL_MORE, CTL_JSON };

struct ctl_flag {
	const char *name;
	char letter;
	enum ctl_flag_kind kind;
	const char *where, *help;
};
extern const struct ctl_flag ctl_flags[];
extern const int ctl_flags_count;

struct ctl_run;

struct ctl_command {
	const char *words, *args;
	int (*run)(struct ctl_run *run);
	const char *method, *path, *flags, *fixed, *columns, *help;
};
extern const struct ctl_command ctl_commands[];
extern const int ctl_commands_count;

struct ctl_run {
	const struct ctl_command *command;
	const char *arg[CTL_ARGS_MAX];
	int nargs;
	const char *flag[CTL_FLAGS_MAX];	/* by place in ctl_flags; NULL: not said */
};

/* What was said for that flag; NULL: nothing. */
const char *ctl_said(const struct ctl_run *run, const char *flag);
void ctl_say(struct ctl_run *run, const char *flag, const char *value);

/* Print "dfsctl: …" and give the code to end with. */
int ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- requests: request.c --- */

/* The members that the said flags are; the caller frees it.  NULL: one was no value (said). */
struct rest_json *ctl_body(const struct ctl_run *run);

/* The command's path with its arguments in; false: too long. */
bool ctl_path(const struct ctl_run *run, const char *path, char to[CTL_URL_MAX]);

/* Add a query's name and value to a path, encoded. */
void ctl_add_query(char *path, size_t cap, const char *name, const char *value);

/* Ask; the answer's JSON in *out (NULL: none), for the caller.  0, or the code to end with, and
 * the problem is printed.  body: taken, may be NULL. */
int ctl_ask(struct ctl_run *run, const char *method, const char *path, struct rest_json *body,
    struct rest_json **out);

/* The same, without printing: the HTTP code, 0 where nobody answered (said). */
int ctl_try(struct ctl_run *run, const char *method, const char *path, struct rest_json *body,
    struct rest_json **out);

/* A page of text, for the caller to free; NULL: the problem is printed. */
char *ctl_text(struct ctl_run *run, const char *path);

/* The host of the server that is asked, without brackets. */
void ctl_host(const struct ctl_run *run, char *to, size_t cap);

/* What a problem says, and what to do next. */
int ctl_problem(int http, const struct rest_json *problem);

/* --- printing: print.c --- */

/* As --output says; columns NULL: a table of members and values.  Returns 0, or 1: no such form. */
int ctl_print(const struct ctl_run *run, const struct rest_json *j, const char *columns);

/* One line of what a server says, without what would steer a terminal. */
void ctl_say_line(const char *text);

/* --- the terminal: prompt.c --- */

bool ctl_terminal(void);
bool ctl_terminal_out(void);	/* is what we print for eyes? */
/* A line; false: no terminal, or its end.  secret: not shown. */
bool ctl_prompt(const char *text, bool secret, char *to, size_t cap);
bool ctl_sure(const struct ctl_run *run, const char *what);

#define COMMAND(words, args, run, method, path, flags, fixed, columns, help) \
	int ctl_do_##run(struct ctl_run *);
#include "mgmt/ctl/command.def"
#undef COMMAND

#endif
