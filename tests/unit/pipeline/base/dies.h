/*
 * What must end the process is tried in a child: its last words and its signal are the
 * result.
 */
#ifndef TESTS_BASE_DIES_H
#define TESTS_BASE_DIES_H

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* True where run() aborts and says `words` on the way. */
static inline bool
dies(void (*run)(void), const char *words)
{
	char said[1024];
	size_t len = 0;
	ssize_t n;
	int status, ends[2];
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0)
		return false;
	if (child == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], 2);
		run();
		_exit(0);
	}
	close(ends[1]);
	while (len < sizeof said - 1 &&
	    (n = read(ends[0], said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	    strstr(said, words) != NULL;
}

#endif
