#!/bin/sh
# make.sh PAGE.in COMMAND.def FLAG.def: dfsctl's page with its commands and flags, on standard output.
set -eu
awk=$(dirname "$0")/commands.awk
commands=$(awk -v PART=commands -f "$awk" "$2")
flags=$(awk -v PART=flags -f "$awk" "$3")
while IFS= read -r line; do
	case $line in
	@COMMANDS@) printf '%s\n' "$commands" | sed '1,/^\.It/{/^\.El$/d;/^\.Ss $/d;/^\.Bl /d;}' ;;
	@FLAGS@) printf '%s\n' "$flags" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$1"
