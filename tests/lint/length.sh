#!/bin/bash
# No file of code is longer than 700 lines, no function of C than 60, and no line of C is wider than
# 100 columns, with a tab to every eighth.  A row of a .def may be wider: it is read as a table's.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
git ls-files -- '*.[ch]' '*.sh' | xargs wc -l |
	awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }' || bad=1
python3 - $(git ls-files -- '*.[ch]') <<'END' || bad=1
import sys

bad = False
for path in sys.argv[1:]:
    begun = 0
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        wide = len(line.expandtabs(8))
        if wide > 100:
            print(f"{path}:{number}: {wide} columns")
            bad = True
        if line == "{":
            begun = number
        elif line == "}" and begun:
            if number - begun - 1 > 60:
                print(f"{path}:{begun}: a function of {number - begun - 1} lines")
                bad = True
            begun = 0
sys.exit(bad)
END
exit $bad
