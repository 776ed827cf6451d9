#!/bin/bash
# 30_hostile.sh [--quick] [BUILD]: clients that mean ill beside one that means well.
#
# The whole share is 10,000 connections and 1,000,000 mutated messages; --quick is a part of it.
# Memory is bounded by the setting, 64 MiB, and 4 KiB a connection beyond the 4,096 it counts with.
# With a build that has sanitizers memory is not looked at, and they must be silent.
set -euo pipefail
connections=10000 messages=1000000 rounds=200 memory=256 peer=300
if [ "${1:-}" = --quick ]; then
	shift
	connections=3000 messages=60000 rounds=20
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
build=$(cd "${1:-$e2e_top}" && pwd)
ulimit -n "$(ulimit -H -n)"
sanitized=0
! grep -q __asan_init "$build/dfs" || sanitized=1
export DITTOFS_NFS_CONNECTIONS=$((connections + 2 * peer)) DITTOFS_NFS_PEER_CONNECTIONS=$peer
export DITTOFS_MEMORY=${memory}MiB
said=$(mktemp -d "${TMPDIR:-/tmp}/dfs-said.XXXXXX")
export ASAN_OPTIONS=log_path=$said/asan UBSAN_OPTIONS=log_path=$said/ubsan:print_stacktrace=1
trap 'status=$?; server_end $status; rm -rf "$said"' EXIT
server_begin "$build" >/dev/null
trap 'status=$?; server_end $status; rm -rf "$said"' EXIT
IFS=: read -r host port export <<<"$DFS_TEST_NFS"
options=(-P "$DFS_TEST_PMAP_PORT" -e "$export" -c "$connections" -n "$messages" -r "$rounds")
[ -n "${e2e_own:-}" ] && options+=(-p "$peer")
pid=$(cat "${DFS_TEST_STATE:-/nonexistent}"/*.pid 2>/dev/null || true)
[ -z "$pid" ] || options+=(-C "$pid")
over=$((connections > 4096 ? (connections - 4096) / 256 : 0))
[ -z "$pid" ] || [ "$sanitized" = 1 ] || options+=(-M $((memory + 64 + over)))
"$build/tests/bin/hostile" "${options[@]}" "$host" "$port" >"$said/lines" || { cat "$said/lines"; exit 1; }
cat "$said/lines"
[ "$sanitized" = 1 ] || exit 0
server_end 0		# so that what it has not freed is said
if compgen -G "$said/*san*" >/dev/null; then
	head -n 40 "$said"/*san*
	echo "the sanitizers are not silent"
	exit 1
fi
echo "$(tail -n 1 "$said/lines" | cut -d, -f1-2), sanitizers silent"
