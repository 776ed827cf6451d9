#!/bin/bash
# 30_hostile.sh [--quick] [BUILD]: clients that mean ill beside one that means well.
#
# The whole share is 10,000 connections and 1,000,000 mutated messages; --quick is a part of it.
set -euo pipefail
connections=10000 messages=1000000 rounds=200
if [ "${1:-}" = --quick ]; then
	shift
	connections=3000 messages=60000 rounds=20
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
ulimit -n "$(ulimit -H -n)"
export DITTOFS_NFS_CONNECTIONS=$((connections + 100))
server_begin "${1:-$e2e_top}"
IFS=: read -r host port export <<<"$DFS_TEST_NFS"
options=(-P "$DFS_TEST_PMAP_PORT" -e "$export" -c "$connections" -n "$messages" -r "$rounds")
pid=$(cat "${DFS_TEST_STATE:-/nonexistent}"/*.pid 2>/dev/null || true)
[ -z "$pid" ] || options+=(-C "$pid")
"$(cd "${1:-$e2e_top}" && pwd)/tests/bin/hostile" "${options[@]}" "$host" "$port"
