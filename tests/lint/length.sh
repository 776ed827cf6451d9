#!/bin/bash
# No file of code is longer than 700 lines.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -- '*.[ch]' '*.sh' | xargs wc -l |
	awk '$2 != "total" && $1 > 700 && $2 != "tests/bench/nfsbench.c" { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }'
