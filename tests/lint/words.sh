#!/bin/bash
# Words that have no place in code, and calls that style.md forbids.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
if git grep -nwE 'TODO|FIXME|XXX|HACK' -- '*.[ch]' '*.def' '*.inc'; then
	echo "unfinished work is said on an issue, not in code"; bad=1
fi
if git grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|alloca)\(' -- '*.[ch]' ':!tests'; then
	echo "calls that style forbids"; bad=1
fi
exit $bad
