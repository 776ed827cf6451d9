#!/bin/bash
# rates.sh [--quick] [BUILD] - the rates of the first milestone: our daemon in tiers writeback and
# local, Ganesha (VFS, same disk) and a bare epoll loop, one operation after the other in turn so
# that all see the same neighbours; the median of several rounds.  Prints the table and each bar;
# exit 0 when all are met.  Without root or Ganesha: 77.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=5 seconds=1
if [ "${1:-}" = --quick ]; then rounds=3 seconds=0.5; shift; fi
build=$(cd "${1:-$here/../..}" && pwd)
for program in dfs tests/bin/nfsbench tests/bin/bench_loop tests/bin/bench_rpc \
	tests/bin/bench_journal tests/bin/bench_carve; do
	[ -x "$build/$program" ] || { echo "rates.sh: no $program in $build" >&2; exit 2; }
done
command -v python3 >/dev/null || { echo "rates.sh: install python3" >&2; exit 77; }
work=$(mktemp -d "${RATES_DIR:-${TMPDIR:-/tmp}}/rates.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/ganesha"
status=0
"$here/../e2e/with_ganesha.sh" "$work/ganesha" \
	"$here/rates_inside.sh" "$build" "$work" "$rounds" "$seconds" || status=$?
[ -s "$work/metrics" ] || { echo "rates.sh: the run broke off ($status)" >&2; exit 1; }
python3 "$here/rates_table" "$work/measured" "$work/metrics" "$work/profiles"
