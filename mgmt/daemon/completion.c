/*
 * Scripts that complete words first, then flags; what follows a flag is left to the shell, which
 * knows files.
 */
#include "mgmt/daemon/completion.h"

#include <stdio.h>
#include <string.h>

static void
bash(const char *const *words, size_t n, const char *flags)
{
	printf("_dfs() {\n\tlocal said='' w cur=${COMP_WORDS[COMP_CWORD]} line\n"
	       "\tCOMPREPLY=()\n\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\t[[ $w == -* ]] && break\n\t\tsaid+=\"$w \"\n\tdone\n"
	       "\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- "
	       "\"$cur\"))\n\t\treturn\n\tfi\n"
	       "\twhile IFS= read -r line; do\n\t\t[[ $line == \"$said\"* ]] || continue\n"
	       "\t\tw=${line#\"$said\"}\n\t\tw=${w%%%% *}\n"
	       "\t\t[[ -n $w && $w == \"$cur\"* && \" ${COMPREPLY[*]} \" != *\" $w \"* ]] && "
	       "COMPREPLY+=(\"$w\")\n"
	       "\tdone <<'END'\n",
	    flags);
	for (size_t i = 0; i < n; i++)
		printf("%s\n", words[i]);
	printf("END\n}\ncomplete -o default -F _dfs dfs\n");
}

static void
fish(const char *const *words, size_t n, const char *flags)
{
	for (size_t i = 0; i < n; i++) {
		size_t first = strcspn(words[i], " ");

		if (words[i][first] == '\0')
			printf("complete -c dfs -f -n __fish_use_subcommand -a %s\n", words[i]);
		else
			printf("complete -c dfs -f -n '__fish_seen_subcommand_from %.*s' -a %s\n",
			    (int)first, words[i], words[i] + first + 1);
	}
	for (const char *f = flags; *f != '\0'; f += strcspn(f, " "), f += strspn(f, " "))
		printf("complete -c dfs -l %.*s\n", (int)strcspn(f, " ") - 2, f + 2);
}

bool
completion_print(const char *shell, const char *const *words, size_t n, const char *flags)
{
	if (strcmp(shell, "zsh") == 0)
		printf("#compdef dfs\nautoload -U +X bashcompinit && bashcompinit\n");
	if (strcmp(shell, "zsh") == 0 || strcmp(shell, "bash") == 0)
		bash(words, n, flags);
	else if (strcmp(shell, "fish") == 0)
		fish(words, n, flags);
	else
		return false;
	return true;
}
