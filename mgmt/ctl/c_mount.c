/*
 * Mounting a share from this machine: the command that its system wants, printed or run.  The one
 * file that starts another program.
 */
#include "mgmt/ctl/ctl.h"
#include "mgmt/ctl/system.h"

#include "pipeline/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 12, WORD_MAX = 700 };

#if defined(__APPLE__)
static const char here[] = "macos";
#elif defined(_WIN32)
static const char here[] = "windows";
#else
static const char here[] = "linux";
#endif

/* %s host and share, %u the port twice. */
static const struct {
	const char *system, *options;
} systems[] = {
	{ "linux", "vers=3,tcp,nolock,mountproto=tcp,port=%u,mountport=%u" },
	{ "macos", "vers=3,tcp,nolocks,resvport,port=%u,mountport=%u" },
	{ "windows", "anon" },
};

struct line {
	char word[WORDS_MAX][WORD_MAX];
	char *argv[WORDS_MAX + 1];
	int n;
};

static void
add(struct line *l, const char *word)
{
	snprintf(l->word[l->n], WORD_MAX, "%s", word);
	l->argv[l->n] = l->word[l->n];
	l->argv[++l->n] = NULL;
}

/* A word that a shell would take apart is put in quotes. */
static void
print_word(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "/._-:=,[]@%+";

	if (*s != '\0' && strspn(s, plain) == strlen(s)) {
		fputs(s, stdout);
		return;
	}
	putchar('\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	putchar('\'');
}

static int
print_line(const struct line *l)
{
	for (int i = 0; i < l->n; i++) {
		if (i > 0)
			putchar(' ');
		print_word(l->argv[i]);
	}
	putchar('\n');
	return 0;
}

static int
run_line(const struct line *l)
{
	execvp(l->argv[0], l->argv);
	return ctl_fail("cannot run %s: %s", l->argv[0], strerror(errno));
}

/* The port of NFS; 0: said why not. */
static uint16_t
nfs_port(struct ctl_run *run)
{
	struct rest_json *out;
	uint16_t port = 0;

	if (ctl_ask(run, "GET", "/api/v1/adapters/ports", NULL, &out) != 0)
		return 0;
	for (size_t i = 0; out != NULL && i < rest_json_len(out); i++) {
		const struct rest_json *one = rest_json_at(out, i);
		const char *type = rest_json_get_str(one, "type");

		if (type != NULL && strcmp(type, "nfs") == 0 &&
		    rest_json_get(one, "running") != NULL &&
		    rest_json_kind(rest_json_get(one, "running")) == REST_TRUE)
			port = (uint16_t)rest_json_int(rest_json_get(one, "port"));
	}
	rest_json_free(out);
	if (port == 0)
		ctl_fail("NFS does not listen there: dfsctl adapter enable nfs");
	return port;
}

static bool
for_windows(struct line *l, const char *host, const char *share, const char *where, uint16_t port)
{
	char unc[WORD_MAX];
	size_t n;

	if (port != 2049) {
		ctl_fail("Windows mounts NFS from port 2049 alone, and asks a portmapper on port "
			 "111; this server listens on port %u",
		    port);
		return false;
	}
	snprintf(unc, sizeof unc, "\\\\%s%s", host, share);
	for (n = 0; unc[n] != '\0'; n++)
		if (unc[n] == '/')
			unc[n] = '\\';
	add(l, "mount");
	add(l, "-o");
	add(l, "anon");
	add(l, unc);
	add(l, where);
	return true;
}

static bool
make_line(struct line *l, const char *system, const char *host, const char *share,
    const char *where, uint16_t port)
{
	char options[WORD_MAX] = "", source[WORD_MAX];
	bool six = strchr(host, ':') != NULL;

	if (strcmp(system, "windows") == 0)
		return for_windows(l, host, share, where, port);
	for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++)
		if (strcmp(systems[i].system, system) == 0) {
			struct text t = text_of(options, sizeof options);

			for (const char *s = systems[i].options; *s != '\0'; s++)
				if (s[0] == '%' && s[1] == 'u') {
					text_addf(&t, "%u", port);
					s++;
				} else {
					text_addn(&t, s, 1);
				}
		}
	if (options[0] == '\0') {
		ctl_fail("--for is linux, macos or windows");
		return false;
	}
	snprintf(source, sizeof source, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", share);
	add(l, "mount");
	add(l, "-t");
	add(l, "nfs");
	add(l, "-o");
	add(l, options);
	add(l, source);
	add(l, where);
	return true;
}

int
ctl_do_share_mount(struct ctl_run *run)
{
	const char *system = ctl_said(run, "for"), *protocol = ctl_said(run, "protocol");
	const char *version = ctl_said(run, "nfs-version");
	struct line line = { .n = 0 };
	bool print = ctl_said(run, "print") != NULL ||
	    (system != NULL && strcmp(system, here) != 0);
	char share[300], host[300];
	uint16_t port;

	if (protocol != NULL && strcmp(protocol, "nfs") != 0)
		return ctl_fail("--protocol is nfs: this build speaks no other");
	if (version != NULL && strcmp(version, "3") != 0)
		return ctl_fail("--nfs-version is 3: this build speaks no other");
	snprintf(share, sizeof share, "%s%s", run->arg[0][0] == '/' ? "" : "/", run->arg[0]);
	ctl_host(run, host, sizeof host);
	port = nfs_port(run);
	if (port == 0)
		return 1;
	if (!print && ctl_system_asks_root())
		add(&line, "sudo");
	if (!make_line(&line, system != NULL ? system : here, host, share, run->arg[1], port))
		return 1;
	return print ? print_line(&line) : run_line(&line);
}

int
ctl_do_share_unmount(struct ctl_run *run)
{
	struct line line = { .n = 0 };

	if (ctl_system_asks_root())
		add(&line, "sudo");
	add(&line, "umount");
	if (ctl_said(run, "force") != NULL)
		add(&line, "-f");
	add(&line, run->arg[0]);
	return ctl_said(run, "print") != NULL ? print_line(&line) : run_line(&line);
}
