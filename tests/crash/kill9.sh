#!/bin/bash
# kill9.sh [BUILD [ROUNDS]]: kill the server at any moment, under a load that knows what must be
# there; nothing that was acknowledged may be lost.
#
# Odd rounds: the load lives on, sends the same requests again and looks at all it has.  Even
# rounds: the load is killed too, and its journals are held against the server.  Every fourth round
# the server is killed again while it recovers.  Against our own server, or the one that
# DFS_TEST_NFS and DFS_TEST_RESTART name.
#   KILL9_WORKERS=4   KILL9_BLOCKS=64 (of 4 KiB a file)   KILL9_SECONDS=2 (of load before the kill)
#   KILL9_SEED=1      KILL9_KEEP= (not empty: leave the files there)
#   KILL9_MIB= (kill only when so many MiB were written; 1024 with KILL9_BLOCKS=2048 fills a journal)
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
build=$(cd "${1:-$e2e_top}" && pwd)
rounds=${2:-200}
RANDOM=${KILL9_SEED:-1}
server_begin "$build"
journals=$(mktemp -d "${TMPDIR:-/tmp}/kill9.XXXXXX")
load=
finish() {
	local status=$?
	[ -z "$load" ] || kill -KILL "$load" 2>/dev/null || true
	if [ "$status" = 0 ]; then
		rm -rf "$journals"
	else
		echo "journals: $journals"
	fi
	server_end "$status" || true
	exit "$status"
}
trap finish EXIT

checker() { # checker WORD OPTION...: of this round; load takes this shell's place
	local word=$1 exec=()
	shift
	[ "$word" != load ] || exec=(exec)
	"${exec[@]}" "$build/tests/bin/crash_checker" "$word" -j "$journals" -d "round$round.$$" \
		-w "${KILL9_WORKERS:-4}" -b "${KILL9_BLOCKS:-64}" -m "$DFS_TEST_MOUNT_PORT" -q \
		"$@" "$DFS_TEST_NFS"
}
some_time() { sleep "$(awk -v s="${KILL9_SECONDS:-2}" -v r="$RANDOM" 'BEGIN { print s * (0.3 + r / 32768) }')"; }
restart() { # restart WORD: and note how long it took, where the server says so
	local took
	# shellcheck disable=SC2086 # a command with arguments
	took=$($DFS_TEST_RESTART "$1")
	[[ ! $took =~ ^[0-9]+$ ]] || [ "$took" -le "$slowest" ] || slowest=$took
}

slowest=0
for ((round = 1; round <= rounds; round++)); do
	rm -f "$journals"/*
	checker load -s $((RANDOM * 32768 + RANDOM)) -t 3600 -r "${KILL9_MIB:-1048576}" &
	load=$!
	some_time
	while [ -n "${KILL9_MIB:-}" ] && [ ! -e "$journals/reached" ] && kill -0 "$load" 2>/dev/null; do
		sleep 0.1
	done
	kill -0 "$load" 2>/dev/null || { wait "$load" || true; echo "round $round: the load failed"; exit 1; }
	if [ $((round % 2)) = 1 ]; then
		restart kill
		[ $((round % 4)) != 3 ] || restart kill
		sleep 1
		kill -TERM "$load" 2>/dev/null || true
		wait "$load" || { echo "round $round: the load failed"; exit 1; }
		load=
		checker verify || { echo "round $round: after the load's end"; exit 1; }
	else
		kill -STOP "$load"	# it must not see the new server
		restart kill
		kill -KILL "$load"
		wait "$load" 2>/dev/null || true
		load=
		[ $((round % 4)) != 0 ] || restart kill
		checker verify -k || { echo "round $round: from the journals"; exit 1; }
	fi
	[ -n "${KILL9_KEEP:-}" ] || checker clean
done
echo "$rounds rounds of kill -9: all that was acknowledged is there; slowest restart $slowest ms"
