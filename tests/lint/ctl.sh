#!/bin/bash
# dfsctl keeps to what other systems have: it compiles without a word of GNU's, and no file but
# prompt.c (the terminal) includes what C11 and a plain POSIX lack.
set -euo pipefail
cd "$(dirname "$0")/../.."
plain='assert ctype errno fcntl inttypes limits locale math signal stdarg stdbool stddef stdint stdio
stdlib string strings sys/stat sys/types time unistd'
own='curl/curl yaml'				# floors.tbl says whose
terminal=mgmt/ctl/prompt.c
bad=0
while IFS=: read -r file line header; do
	# shellcheck disable=SC2086 # a word each
	if ! printf '%s\n' $plain $own | grep -qxF "${header%.h}" && [ "$file" != $terminal ]; then
		echo "$file:$line: <$header>: Linux's or a terminal's; only $terminal may"
		bad=1
	fi
done < <(git ls-files 'mgmt/ctl/*.[ch]' | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' |
	sed 's/^\([^:]*\):\([0-9]*\):.*<\(.*\)>.*/\1:\2:\3/')
[ $bad = 0 ] || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CFLAGS='-O1 -Wall -Wextra -Werror' mgmt/deploy/dfsctl-alone.sh "$work/dfsctl"
"$work/dfsctl" --help >/dev/null
