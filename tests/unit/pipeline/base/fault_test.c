#include "pipeline/base/fault.h"

#include "tests/lib/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

CASE(an_armed_name_fails_at_its_nth_call_and_only_there)
{
	fault_arm("disk.write", 3);
	FALSE(fault_hit("disk.write"));
	FALSE(fault_hit("disk.sync"));
	FALSE(fault_hit("disk.write"));
	TRUE(fault_hit("disk.write"));
	FALSE(fault_hit("disk.write"));
	EQ(fault_count(), 4);
	fault_arm(NULL, 0);
	FALSE(fault_hit("disk.write"));
	EQ(fault_count(), 0);
}

CASE(no_name_stands_for_all)
{
	fault_arm(NULL, 2);
	FALSE(fault_hit("a"));
	TRUE(fault_hit("b"));
	fault_arm(NULL, 0);
}

/* Run by itself, with the environment of the cases below. */
CASE(drill_point)
{
	FALSE(fault_hit("test.drill"));
}

/* This program anew, with only the drill and that environment; its wait status. */
static int
drill(const char *spec)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		setenv("DITTOFS_FAULT", spec, 1);
		execl("/proc/self/exe", "base_test", "drill_point", NULL);
		_exit(99);
	}
	waitpid(child, &status, 0);
	return status;
}

CASE(the_environment_arms_a_whole_program)
{
	int status = drill("test.drill:1:kill");

	TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EQ(drill("test.drill:1"), 1 << 8);	/* the drill's case fails */
	EQ(drill("*:1"), 1 << 8);
	EQ(drill("test.drill:2"), 0);
	EQ(drill("test.other:1:kill"), 0);
}

CASE(a_drill_that_cannot_be_read_does_not_run)
{
	EQ(drill("test.drill"), 2 << 8);
	EQ(drill("test.drill:"), 2 << 8);
	EQ(drill("test.drill:0"), 2 << 8);
	EQ(drill(":1"), 2 << 8);
	EQ(drill("test.drill:1:maybe"), 2 << 8);
}
