/*
 * dfs: the daemon's command line, as a table of words.
 */
#include "mgmt/daemon/assemble.h"
#include "mgmt/daemon/completion.h"
#include "mgmt/daemon/fsck.h"
#include "mgmt/daemon/lifecycle.h"
#include "mgmt/daemon/logs.h"
#include "mgmt/operator/operator.h"
#include "mgmt/shares/down.h"

#include "crypto/secret.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_NOT_RUNNING = 3 };

static struct {
	const char *config, *quick, *pid_file, *log_file, *lines, *since;
	const char *output, *namespace, *kube_server, *kube_account;
	const char *operand;
	bool foreground, force, witness, all, repair, with_remote;
} opt;

static struct config conf;
static char why[1024];

static int
fail(const char *text)
{
	fprintf(stderr, "dfs: %s\n", text);
	return 1;
}

/* --- the pieces of start --- */

static void
make_dir(const char *dir)
{
	char path[CONFIG_STR_MAX];

	snprintf(path, sizeof path, "%s", dir);
	for (char *p = path + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0700);
			*p = '/';
		}
	mkdir(path, 0700);
}

/* --quick DIR: one share /export in DIR, open to this machine as it is, to others with root
 * squashed.  All state stays in DIR. */
static bool
quick(void)
{
	static const char *const local[] = { "127.0.0.0/8", "::1" };
	char full[PATH_MAX];		/* as long as realpath wants it */
	struct share_conf s;
	struct text text;

	make_dir(opt.quick);
	if (realpath(opt.quick, full) == NULL || strlen(full) >= CONFIG_STR_MAX / 2)
		return false;
	text = text_of(conf.state_dir, sizeof conf.state_dir);
	text_add(&text, full);
	conf.plane_may_fail = true;
	config_share_default(&s, "/export");
	text = text_of(s.dir, sizeof s.dir);
	text_addf(&text, "%s/export", full);
	if (getenv("DITTOFS_QUICK_METADATA") != NULL)
		snprintf(s.meta, sizeof s.meta, "%s", getenv("DITTOFS_QUICK_METADATA"));
	if (getenv("DITTOFS_QUICK_DURABILITY") != NULL &&
	    strcmp(getenv("DITTOFS_QUICK_DURABILITY"), "writeback") == 0)
		s.tier = TIER_WRITEBACK;
	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		struct export_rule *r = &s.rules[s.nrules++];

		snprintf(r->hosts, sizeof r->hosts, "%s", local[i]);
		r->squash = SQUASH_NONE;
	}
	s.rules[s.nrules++] = (struct export_rule){ .hosts = "*", .squash = SQUASH_ROOT };
	config_add_share(&conf, &s);
	return true;
}

static const char *
pid_path(void)
{
	static char path[CONFIG_STR_MAX + 32];

	if (opt.pid_file != NULL)
		return opt.pid_file;
	snprintf(path, sizeof path, "%s/dittofs.pid", conf.state_dir);
	return path;
}

static const char *
log_path(void)
{
	static char path[CONFIG_STR_MAX + 32];

	if (opt.log_file != NULL)
		return opt.log_file;
	if (conf.log_output[0] != '\0' && strcmp(conf.log_output, "stderr") != 0 &&
	    strcmp(conf.log_output, "stdout") != 0)
		return conf.log_output;
	snprintf(path, sizeof path, "%s/dittofs.log", conf.state_dir);
	return path;
}

static bool
open_log(void)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	int fd = STDERR_FILENO;
	size_t level = 0;

	while (level < ARRAY_LEN(levels) && strcasecmp(levels[level], conf.log_level) != 0)
		level++;
	if (level == ARRAY_LEN(levels))
		return false;
	if (strcmp(conf.log_output, "stdout") == 0)
		fd = STDOUT_FILENO;
	else if (opt.foreground && (conf.log_output[0] != '\0' || opt.log_file != NULL) &&
	    strcmp(conf.log_output, "stderr") != 0)
		fd = open(log_path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return false;
	log_open(fd, strcasecmp(conf.log_format, "json") == 0, (enum log_level)level);
	return true;
}

/* The user's file, else the one that a package installed; --quick needs none. */
static void
find_settings(void)
{
	char standard[CONFIG_STR_MAX];

	config_default_file(standard, sizeof standard);
	if (opt.config == NULL && opt.quick == NULL && access(standard, F_OK) != 0)
		opt.config = config_installed_file();
}

static bool
read_settings(void)
{
	find_settings();
	if (config_read(&conf, opt.config, why, sizeof why) != OK)
		return false;
	if (opt.quick != NULL && !quick()) {
		snprintf(why, sizeof why, "%s: cannot be made or its path is too long", opt.quick);
		return false;
	}
	return true;
}

static void
say_down(const char *name, const char *why_down, void *arg)
{
	text_addf(arg, "dfs: %s is down: %s\n", name, why_down);
}

static void
say_ready(const struct ports *ports)
{
	char line[4096];
	struct text t = text_of(line, sizeof line);

	text_addf(&t, "dfs: serving %u share%s", ports->shares, ports->shares == 1 ? "" : "s");
	if (ports->nfs != 0)
		text_addf(&t, " over NFSv3 on port %u", ports->nfs);
	text_addf(&t, ", pid %d\n", (int)getpid());
	shares_down_each(say_down, &t);
	if (ports->rest != 0)
		text_addf(&t, "dfs: control plane and console at %s://%s:%u/\n",
		    conf.tls_cert[0] ? "https" : "http", conf.plane_host, ports->rest);
	if (ports->admin_password[0] != '\0')
		text_addf(&t,
		    "dfs: first start: user admin, password %s (shown once; it must be"
		    " changed: dfsctl login, dfsctl user change-password)\n",
		    ports->admin_password);
	else if (ports->shares == 0)
		text_add(&t, "dfs: no share yet: dfsctl share create makes one\n");
	background_ready(0, line);
	secret_wipe(line, sizeof line);
	log_info("dfs.ready", F_U64("nfs_port", ports->nfs), F_U64("metrics_port", ports->metrics),
	    F_U64("rest_port", ports->rest), F_U64("shares", ports->shares));
}

static void
forced(int sig)
{
	(void)sig;
	_exit(1);			/* what was acknowledged is in the journal already */
}

static int
serve(void)
{
	struct ports ports;
	char line[1200];
	int sig;

	if (house_open(&conf, &ports, why, sizeof why) != OK) {
		snprintf(line, sizeof line, "dfs: %s\n", why);
		background_ready(1, line);
		log_error("dfs.failed", F_STR("why", why));
		return 1;
	}
	say_ready(&ports);
	secret_wipe(ports.admin_password, sizeof ports.admin_password);
	sig = signals_wait();
	log_info("dfs.stopping", F_I64("signal", sig));
	signal(SIGALRM, forced);
	alarm((unsigned)conf.shutdown_s);
	house_close();
	log_info("dfs.stopped", F_I64("signal", sig));
	return 0;
}

static int
cmd_start(void)
{
	pid_t other = 0;
	int code;

	if (!read_settings())
		return fail(why);
	make_dir(conf.state_dir);
	signals_block();
	mutex_witness(opt.witness);
	if (!opt.foreground && background(log_path()) != OK)
		return fail("cannot go to the background: is the log's folder writable?");
	if (pidfile_take(pid_path(), &other) != OK) {
		snprintf(why, sizeof why,
		    other != 0 ? "dfs: it runs already, pid %d (`dfs stop`)\n" :
				 "dfs: cannot take its pid file; is the state folder writable?\n",
		    (int)other);
		background_ready(1, why);
		return 1;
	}
	if (!open_log()) {
		background_ready(1, "dfs: logging.level or logging.output is not usable\n");
		return 1;
	}
	code = serve();
	pidfile_drop(pid_path());
	config_free(&conf);
	return code;
}

/* --- the others --- */

static int
cmd_stop(void)
{
	uint64_t until;
	pid_t pid;

	if (!read_settings())
		return fail(why);
	pid = pidfile_read(pid_path());
	if (pid <= 0) {
		fprintf(stderr, "dfs: it does not run (%s)\n", pid_path());
		return EXIT_NOT_RUNNING;
	}
	if (kill(pid, opt.force ? SIGKILL : SIGTERM) != 0)
		return fail(strerror(errno));
	until = clock_mono_ns() + (conf.shutdown_s + 5) * NS_PER_S;
	while (pidfile_read(pid_path()) == pid) {
		struct timespec nap = clock_timespec(20 * NS_PER_MS);

		if (clock_mono_ns() > until)
			return fail("it is still stopping; `dfs stop --force` ends it at once");
		nanosleep(&nap, NULL);
	}
	printf("dfs: stopped\n");
	return 0;
}

/* The metrics server's /health, word for word. */
static bool
ask_health(char *body, size_t cap)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)conf.metrics_port) };
	static const char ask[] = "GET /health HTTP/1.0\r\n\r\n";
	struct timeval limit = { 5, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t got;
	char *gap;

	inet_pton(AF_INET, conf.metrics_host, &addr.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ||
	    write(fd, ask, sizeof ask - 1) < 0) {
		close(fd);
		return false;
	}
	while (len + 1 < cap && (got = read(fd, body + len, cap - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	body[len] = '\0';
	gap = strstr(body, "\r\n\r\n");
	if (gap == NULL)
		return false;
	memmove(body, gap + 4, strlen(gap + 4) + 1);
	return true;
}

static int
cmd_status(void)
{
	char body[16384];
	pid_t pid;

	if (!read_settings())
		return fail(why);
	pid = pidfile_read(pid_path());
	if (pid <= 0) {
		printf("dfs: not running\n");
		return EXIT_NOT_RUNNING;
	}
	printf("dfs: running, pid %d\n", (int)pid);
	if (conf.metrics && ask_health(body, sizeof body))
		fputs(body, stdout);
	return 0;
}

static int
cmd_logs(void)
{
	uint64_t lines = 100;

	if (!read_settings())
		return fail(why);
	if (opt.lines != NULL && !text_u64(opt.lines, 0, UINT32_MAX, &lines))
		return fail("--lines wants a number");
	return logs_show(log_path(), lines, opt.since, opt.foreground);
}

static int
cmd_init(void)
{
	char path[CONFIG_STR_MAX], *slash;
	int fd;

	if (opt.config != NULL)
		snprintf(path, sizeof path, "%s", opt.config);
	else
		config_default_file(path, sizeof path);
	slash = strrchr(path, '/');
	if (slash != NULL && slash != path) {
		*slash = '\0';
		make_dir(path);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (opt.force ? O_TRUNC : O_EXCL), 0600);
	if (fd < 0 && errno == EEXIST) {
		fprintf(stderr, "dfs: %s exists; --force writes it anew\n", path);
		return 1;
	}
	if (fd < 0)
		return fail(strerror(errno));
	config_template(fd);
	close(fd);
	printf("dfs: wrote %s; `dfs start` uses it\n", path);
	return 0;
}

static int
cmd_config(void)
{
	config_template(STDOUT_FILENO);
	return 0;
}

static int
cmd_config_show(void)
{
	bool json = opt.output != NULL && strcmp(opt.output, "json") == 0;

	if (opt.output != NULL && !json && strcmp(opt.output, "yaml") != 0)
		return fail("--output is yaml or json");
	if (!read_settings())
		return fail(why);
	if (json)
		config_show_json(&conf, stdout);
	else
		config_show_yaml(&conf, stdout);
	config_free(&conf);
	return 0;
}

static void
say_wrong(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static int
cmd_config_validate(void)
{
	unsigned n;

	find_settings();
	n = config_check(&conf, opt.config, say_wrong, NULL);
	if (n > 0)
		fprintf(stderr, "dfs: %u thing%s to mend\n", n, n == 1 ? "" : "s");
	else
		printf("dfs: valid, with %u share%s; file: %s\n", conf.nshares,
		    conf.nshares == 1 ? "" : "s", conf.file[0] ? conf.file : "none");
	config_free(&conf);
	return n > 0;
}

static int
cmd_config_schema(void)
{
	config_schema(stdout);
	return 0;
}

/* The pid file is held meanwhile: no daemon is there, and none starts. */
static int
cmd_fsck(void)
{
	struct fsck_wish wish = { .share = opt.operand, .repair = opt.repair,
		.remote = opt.with_remote,
		.json = opt.output != NULL && strcmp(opt.output, "json") == 0 };
	pid_t other = 0;
	int code = FSCK_EXIT_NOT_RUN;

	if ((opt.operand == NULL) != opt.all || (opt.output != NULL && !wish.json)) {
		fprintf(stderr, "dfs: fsck wants a share or --all; --output is json\n");
		return FSCK_EXIT_NOT_RUN;
	}
	if (!read_settings()) {
		fail(why);
		return FSCK_EXIT_NOT_RUN;
	}
	if (pidfile_take(pid_path(), &other) == OK) {
		code = fsck_command(&conf, &wish);
		pidfile_drop(pid_path());
	} else if (other != 0) {
		fprintf(stderr, "dfs: it runs, pid %d: shares are checked while nobody serves them "
		    "(`dfs stop` first)\n", (int)other);
	} else {
		fprintf(stderr, "dfs: cannot take %s; is there such a state folder?\n", pid_path());
	}
	config_free(&conf);
	return code;
}

/* Its own process, with neither shares nor settings: what it knows is in the API server. */
static int
cmd_operator(void)
{
	const struct operator_conf o = { opt.kube_server, opt.kube_account, opt.namespace };
	int code;

	log_open(STDERR_FILENO, true, LOG_LEVEL_INFO);
	code = operator_run(&o, why, sizeof why);
	return code == 0 ? 0 : fail(why);
}

static int
cmd_version(void)
{
	printf("dfs %s\n", DFS_VERSION);
	return 0;
}

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "quick", required_argument, NULL, 'q' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "follow", no_argument, NULL, 'f' },
	{ "lines", required_argument, NULL, 'n' },
	{ "output", required_argument, NULL, 'o' },
	{ "since", required_argument, NULL, 's' },
	{ "pid-file", required_argument, NULL, 'p' },
	{ "log-file", required_argument, NULL, 'l' },
	{ "force", no_argument, NULL, 'F' },
	{ "all", no_argument, NULL, 'A' },
	{ "repair", no_argument, NULL, 'R' },
	{ "with-remote", no_argument, NULL, 'W' },
	{ "witness", no_argument, NULL, 'w' },
	{ "namespace", required_argument, NULL, 'N' },
	{ "kube-server", required_argument, NULL, 'k' },
	{ "kube-account", required_argument, NULL, 'a' },
	{ NULL, 0, NULL, 0 },
};

static int cmd_completion_bash(void), cmd_completion_zsh(void), cmd_completion_fish(void);

static const struct {
	const char *word;
	int (*run)(void);
	const char *help;
} commands[] = {
	{ "init",	cmd_init,	"write a commented file of settings" },
	{ "start",	cmd_start,	"start the daemon; --quick DIR: a share /export at once" },
	{ "stop",	cmd_stop,	"stop it: answers leave, all is made durable" },
	{ "status",	cmd_status,	"does it run, and how are its shares" },
	{ "logs",	cmd_logs,	"print the end of its log; -f: and what comes" },
	{ "fsck",	cmd_fsck,	"check shares while nobody serves them; --repair mends" },
	{ "config",	cmd_config,	"list all settings with their defaults" },
	{ "config show",	cmd_config_show, "what is in force, and where each value is from" },
	{ "config validate", cmd_config_validate, "say all that is wrong, where, and what to do" },
	{ "config schema",	cmd_config_schema, "a JSON Schema of the file, for editors" },
	{ "completion bash",	cmd_completion_bash, "a script that completes this command line" },
	{ "completion zsh",	cmd_completion_zsh, "the same for zsh" },
	{ "completion fish",	cmd_completion_fish, "the same for fish" },
	{ "operator",	cmd_operator,	"look after DittoServer resources of Kubernetes" },
	{ "version",	cmd_version,	"print the version" },
};

static int
complete(const char *shell)
{
	const char *words[ARRAY_LEN(commands)];
	char flags[400];
	struct text t = text_of(flags, sizeof flags);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		words[i] = commands[i].word;
	for (const struct option *o = longs; o->name != NULL; o++)
		text_addf(&t, "%s--%s", o > longs ? " " : "", o->name);
	return completion_print(shell, words, ARRAY_LEN(words), flags) ? 0 : 1;
}

static int
cmd_completion_bash(void)
{
	return complete("bash");
}

static int
cmd_completion_zsh(void)
{
	return complete("zsh");
}

static int
cmd_completion_fish(void)
{
	return complete("fish");
}

static int
usage(FILE *to, int code)
{
	fprintf(to, "usage: dfs COMMAND [OPTION...]\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-17s%s\n", commands[i].word, commands[i].help);
	fprintf(to,
	    "\noptions:\n"
	    "  --all, --repair   fsck: all shares, not one; mend what can be without loss\n"
	    "  --with-remote     fsck: look at what the remote store lists, too\n"
	    "  --config FILE     settings (default: dittofs/config.yaml in $XDG_CONFIG_HOME,\n"
	    "                    else in " DFS_SYSCONFDIR ")\n"
	    "  --quick DIR       start, stop, status, fsck: without settings, all in DIR\n"
	    "  -f, --foreground  start: stay in the foreground\n"
	    "  -f, --follow      logs: go on with what comes\n"
	    "  -n, --lines N     logs: so many of the last lines (100)\n"
	    "  -o, --output WORD config show: yaml (default) or json; fsck: json\n"
	    "  --since TIME      logs: none of before, as 2026-01-31T12:00:00Z\n"
	    "  --pid-file FILE   start, stop, status\n"
	    "  --log-file FILE   start, logs\n"
	    "  --namespace NAME  operator: look after that one alone\n"
	    "  --kube-server URL, --kube-account DIR  operator: not those of its pod\n"
	    "  --force           init: overwrite; stop: kill\n"
	    "  --witness         start: check the order of locks (slower; for tests)\n");
	return code;
}

static bool
options(int argc, char **argv, bool operand)
{
	int c;

	while ((c = getopt_long(argc, argv, "fn:o:", longs, NULL)) != -1)
		switch (c) {
		case 'c': opt.config = optarg; break;
		case 'q': opt.quick = optarg; break;
		case 'f': opt.foreground = true; break;
		case 'n': opt.lines = optarg; break;
		case 'o': opt.output = optarg; break;
		case 's': opt.since = optarg; break;
		case 'p': opt.pid_file = optarg; break;
		case 'l': opt.log_file = optarg; break;
		case 'F': opt.force = true; break;
		case 'A': opt.all = true; break;
		case 'R': opt.repair = true; break;
		case 'W': opt.with_remote = true; break;
		case 'w': opt.witness = true; break;
		case 'N': opt.namespace = optarg; break;
		case 'k': opt.kube_server = optarg; break;
		case 'a': opt.kube_account = optarg; break;
		default: return false;
		}
	if (operand && optind + 1 == argc)
		opt.operand = argv[optind++];
	return optind == argc;
}

/* The command of the words that begin the line, of the most words; how many they are. */
static int
command_at(int argc, char **argv, int *nwords)
{
	char two[64];
	int found = -1;

	*nwords = 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		snprintf(two, sizeof two, "%.30s %.30s", argv[1], argc > 2 ? argv[2] : "");
		if (strcmp(two, commands[i].word) == 0) {
			*nwords = 2;
			return (int)i;
		}
		if (strcmp(argv[1], commands[i].word) == 0) {
			*nwords = 1;
			found = (int)i;
		}
	}
	return found;
}

int
main(int argc, char **argv)
{
	int at, words;

	if (argc < 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout, 0);
	at = command_at(argc, argv, &words);
	if (at < 0 || !options(argc - words, argv + words, commands[at].run == cmd_fsck))
		return usage(stderr, 2);
	return commands[at].run();
}
