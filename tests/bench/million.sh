#!/bin/bash
# million.sh [--quick] [BUILD]: a million files at `memory: 256MiB`, and how much the daemon takes.
#
# 90 directories of 10,000 files and one of 100,000, made over the wire, walked twice with a
# thousand idle connections and 64 x 1 MiB in flight; then random GETATTR by a daemon that was just
# started.  --quick makes 60,000 of them.  Takes a few minutes, and 3 GiB in TMPDIR.
set -euo pipefail
files=1000000 memory=256
if [ "${1:-}" = --quick ]; then
	shift
	files=60000
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
build=$(cd "${1:-$e2e_top}" && pwd)
ulimit -n "$(ulimit -H -n)"
export DITTOFS_MEMORY=${memory}MiB
[ -z "${DFS_TEST_NFS:-}" ] || e2e_die "this looks at our own daemon's memory"
server_begin "$build" >/dev/null
IFS=: read -r _ port export <<<"$DFS_TEST_NFS"

million() { # million make|cold: one run of the program against the daemon as it is
	"$build/tests/bin/bench_million" -n "$files" -i 1000 -b $((memory + 64)) \
		-C "$(cat "$DFS_TEST_STATE"/dittofs.pid)" "$1" "$DFS_TEST_STATE/samples" "$port" "$export"
}

status=0
million make | tee "$DFS_TEST_STATE/made" || status=1
took=$($DFS_TEST_RESTART)
echo "restart                $took ms"
million cold | tee "$DFS_TEST_STATE/cold" || status=1
cold=$(tail -n 1 "$DFS_TEST_STATE/cold")
echo "$(tail -n 1 "$DFS_TEST_STATE/made"), ${cold%%,*}"
exit $status
