/*
 * Asking at the terminal, which is /dev/tty: what is piped in is not mistaken for an answer.
 */
#include "mgmt/ctl/ctl.h"
#include "mgmt/ctl/system.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
ctl_terminal(void)
{
	return isatty(STDIN_FILENO);
}

bool
ctl_terminal_out(void)
{
	return isatty(STDOUT_FILENO);
}

static bool
read_line(int fd, char *to, size_t cap)
{
	size_t n = 0;
	char c;

	for (;;) {
		if (read(fd, &c, 1) != 1)
			return n > 0;
		if (c == '\n')
			break;
		if (n + 1 < cap)
			to[n++] = c;
	}
	to[n] = '\0';
	return true;
}

bool
ctl_prompt(const char *text, bool secret, char *to, size_t cap)
{
	bool got;

	if (!ctl_terminal())
		return false;
	memset(to, 0, cap);
	secret = secret &&
	    ctl_system_echo(false); /* before the question: an answer may come at once */
	fputs(text, stderr);
	fflush(stderr);
	got = read_line(STDIN_FILENO, to, cap);
	if (secret) {
		ctl_system_echo(true);
		fputc('\n', stderr);
	}
	return got;
}

bool
ctl_sure(const struct ctl_run *run, const char *what)
{
	char text[300], answer[16];

	if (ctl_said(run, "force") != NULL)
		return true;
	snprintf(text, sizeof text, "%s? (y/N) ", what);
	if (!ctl_prompt(text, false, answer, sizeof answer)) {
		ctl_fail("%s: --force says that you are sure", what);
		return false;
	}
	return answer[0] == 'y' || answer[0] == 'Y';
}
