/*
 * Completion scripts, made from the table of commands: words first, then the command's flags.
 */
#include "mgmt/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

static void
flags_of(const struct ctl_command *c)
{
	for (const char *s = c->flags; *s != '\0'; s += strcspn(s, " "), s += *s == ' ')
		printf(" --%.*s", (int)strcspn(s, "! "), s);
	printf(" --output --server --help");
}

/* One case of bash: what may follow the words so far. */
static void
bash(void)
{
	printf("_dfsctl() {\n\tlocal words='' w cur=${COMP_WORDS[COMP_CWORD]} line\n"
	    "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	    "\t\t[[ $w == -* ]] && break\n\t\twords+=\"$w \"\n\tdone\n\tCOMPREPLY=()\n"
	    "\tif [[ $cur == -* ]]; then\n\t\tcase $words in\n");
	for (int i = ctl_commands_count - 1; i >= 0; i--) {
		printf("\t\t'%s '*) line='", ctl_commands[i].words);
		flags_of(&ctl_commands[i]);
		printf("' ;;\n");
	}
	printf("\t\tesac\n\t\tCOMPREPLY=($(compgen -W \"$line\" -- \"$cur\"))\n\t\treturn\n\tfi\n"
	       "\twhile IFS= read -r line; do\n\t\t[[ $line == \"$words\"* ]] || continue\n"
	       "\t\tw=${line#\"$words\"}\n\t\tw=${w%%%% *}\n"
	       "\t\t[[ -n $w && $w == \"$cur\"* && \" ${COMPREPLY[*]} \" != *\" $w \"* ]] && "
	       "COMPREPLY+=(\"$w\")\n"
	       "\tdone <<'END'\n");
	for (int i = 0; i < ctl_commands_count; i++)
		printf("%s\n", ctl_commands[i].words);
	printf("END\n}\ncomplete -o default -F _dfsctl dfsctl\n");
}

static void
fish(void)
{
	for (int i = 0; i < ctl_commands_count; i++) {
		char seen[100] = "";
		const char *s = ctl_commands[i].words;

		for (;;) {
			size_t n = strcspn(s, " ");

			printf("complete -c dfsctl -f -n '__fish_dfsctl_at \"%s\"' -a %.*s%s%s%s\n",
			    seen, (int)n, s, s[n] == '\0' ? " -d '" : "",
			    s[n] == '\0' ? ctl_commands[i].args : "", s[n] == '\0' ? "'" : "");
			if (s[n] == '\0')
				break;
			snprintf(seen, sizeof seen, "%.*s",
			    (int)(s - ctl_commands[i].words + (long)n), ctl_commands[i].words);
			s += n + 1;
		}
	}
	printf("function __fish_dfsctl_at\n\tset -l words (commandline -opc)\n"
	    "\ttest \"$words[2..-1]\" = \"$argv[1]\"\nend\n");
}

int
ctl_do_completion(struct ctl_run *run)
{
	if (strcmp(run->arg[0], "bash") == 0)
		bash();
	else if (strcmp(run->arg[0], "zsh") == 0) {
		printf("#compdef dfsctl\nautoload -U +X bashcompinit && bashcompinit\n");
		bash();
	} else if (strcmp(run->arg[0], "fish") == 0)
		fish();
	else
		return ctl_fail("completion is for bash, zsh and fish");
	return 0;
}
