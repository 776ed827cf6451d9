#!/bin/bash
# kill9.sh [BUILD [ROUNDS]]: kill the server at any moment, under a load that knows what must be
# there; nothing that was acknowledged may be lost.
#
# The load lives on over most kills, sends the same requests again and looks at all it has.  In every
# second round (every fourth where there is much) it is stopped before and does not see the new
# server until its journals were held against that; in some it dies, too, and another begins.  Every third round the server is killed
# again while it recovers.  Against our own server, or the one that DFS_TEST_NFS and
# DFS_TEST_RESTART name.
#   KILL9_WORKERS=4   KILL9_BLOCKS=64 (of 4 KiB a file)   KILL9_SECONDS=2 (of load before the kill; 3 with a bucket)
#   KILL9_SEED=1      KILL9_KEEP= (not empty: leave the files there)
#   KILL9_MIB= (kill only when the journal holds so many MiB of data that is not carved, and so many
#               were written anew since the last kill: KILL9_ANEW=60; the load dies in every 20th
#               round; 1024 with KILL9_WORKERS=2, KILL9_BLOCKS=2048 and KILL9_SPARE=8 is the full size)
#   KILL9_SPARE=1 (of so many truncations and removals do one, so that more of the data stays)
#   KILL9_CARVE_AGE=1 (without KILL9_MIB: seconds; containers are made and compacted between the kills)
#   KILL9_REMOTE= (not empty: a bucket behind the share, far.sh, of which KILL9_LOCAL=2MiB stays here; each round
#               has a fault of its own, every fourth kills the bucket's server, too; in the end the
#               stopped share is counted anew, and all is read from the bucket alone)
#   KILL9_MOST_MS= (fail where a restart takes longer)   KILL9_VERBOSE= (not empty: a line a round)
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/crash/far.sh
. "$(dirname "$0")/far.sh"
build=$(cd "${1:-$e2e_top}" && pwd)
rounds=${2:-200} seconds=${KILL9_SECONDS:-2}
mib=${KILL9_MIB:-0}
RANDOM=${KILL9_SEED:-1}
stops=2 dies=4
if [ "$mib" != 0 ]; then	# carved only when half of that is live, or it all fills
	stops=4 dies=20
	export DITTOFS_CARVE_AGE=86400 DFS_TEST_JOURNAL=$((mib * 5 / 2))MiB
else	# containers are made, and emptied as soon as a little of them is dead
	export DITTOFS_CARVE_AGE=${KILL9_CARVE_AGE:-1} DITTOFS_GC_COMPACTION_LIVE_PERCENT=95
fi
emptied=0 weather='' uploaded=0 evicted=0 cold=0 failures=0 load=
journals=$(mktemp -d "${TMPDIR:-/tmp}/kill9.XXXXXX")
if [ -n "${KILL9_REMOTE:-}" ]; then
	export DFS_TEST_LOCAL_SIZE=${KILL9_LOCAL:-2MiB} DITTOFS_GC_GRACE_PERIOD=1
	seconds=${KILL9_SECONDS:-3}	# compaction goes by passes, some seconds apart
	mapfile -t weathers < <(far_fault_names)
	trap 'far_end; rm -rf "$journals"' EXIT
	far_begin "$journals-far"
fi
server_begin "$build"
finish() {
	local status=$?
	[ -z "$load" ] || kill -KILL "$load" 2>/dev/null || true
	far_end
	rm -rf "$journals-far"
	if [ "$status" = 0 ]; then
		rm -rf "$journals"
	else
		echo "journals: $journals"
	fi
	server_end "$status" || true
	exit "$status"
}
trap finish EXIT

checker() { # checker WORD OPTION...: of this load; load takes this shell's place
	local word=$1 exec=()
	shift
	[ "$word" != load ] || exec=(exec)
	"${exec[@]}" "$build/tests/bin/crash_checker" "$word" -j "$journals" -d "round$began.$$" \
		-w "${KILL9_WORKERS:-4}" -b "${KILL9_BLOCKS:-64}" -e "${KILL9_SPARE:-1}" \
		-m "$DFS_TEST_MOUNT_PORT" -q \
		"$@" "$DFS_TEST_NFS"
}
some_time() { sleep "$(awk -v s="$1" -v r="$RANDOM" 'BEGIN { print s * (0.3 + r / 32768) }')"; }
fail() {
	echo "round $round: $*"
	exit 1
}
load_begin() {
	rm -f "$journals"/*
	began=$round
	checker load -s $((RANDOM * 32768 + RANDOM)) -t 86400 &
	load=$!
}
load_lives() { kill -0 "$load" 2>/dev/null || { wait "$load" || true; fail "the load failed"; }; }

# --- how full our own server's journal is, in MiB: written since it started, held, of that live ---

gauge() {
	local port
	port=$(awk '/^metrics:/ { on = 1 } on && /port:/ { print $2; exit }' "$DFS_TEST_STATE/dfs.yaml")
	exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9
	read -r written held live < <(timeout 5 awk '
		/^dittofs_journal_bytes_total / { w = $2 }
		/^dittofs_share_journal_bytes{share="\/export"}/ { h = $2 }
		/^dittofs_share_dirty_bytes{share="\/export"}/ { l = $2 }
		END { m = 1048576; print int(w / m), int(h / m), int(l / m) }' <&9)
	exec 9>&-
}
# metrics: one a line, name and value, of our own server
metrics() {
	local port
	port=$(awk '/^metrics:/ { on = 1 } on && /port:/ { print $2; exit }' "$DFS_TEST_STATE/dfs.yaml" \
		2>/dev/null) && [ -n "$port" ] || return 0
	{ exec 9<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 0
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9
	timeout 5 grep '^dittofs_' <&9 || true
	exec 9>&-
}
# count_background: what went on behind the load since the server started, added to the sums
count_background() {
	local e u v c f
	read -r e u v c f < <(metrics | awk '
		/^dittofs_compact_containers_total / { e = $2 }
		/^dittofs_upload_containers_total / { u = $2 }
		/^dittofs_evicted_containers_total / { v = $2 }
		/^dittofs_cold_reads_total / { c = $2 }
		/^dittofs_upload_failures_total / { f = $2 }
		END { print int(e), int(u), int(v), int(c), int(f) }')
	emptied=$((emptied + e)) uploaded=$((uploaded + u)) evicted=$((evicted + v))
	cold=$((cold + c)) failures=$((failures + f))
}
# far_sent: until the bucket has all, as is said for some seconds
far_sent() {
	local i pending quiet=0
	for ((i = 0; i < 600 && quiet < 12; i++)); do
		pending=$(metrics | awk '/^dittofs_upload_pending_bytes / { p = $2 }
			/^dittofs_share_dirty_bytes/ { d += $2 } END { print p + d }')
		if [ "${pending:-1}" = 0 ]; then quiet=$((quiet + 1)); else quiet=0; fi
		sleep 0.25
	done
	[ "$quiet" -ge 12 ] || fail "$pending bytes are not sent after 2 minutes"
}
wait_full() {
	local i
	for ((i = 0; i < 1200; i++)); do
		load_lives
		gauge && [ "$held" -ge "$mib" ] && [ "$written" -ge "${KILL9_ANEW:-60}" ] && return
		sleep 0.1
	done
	fail "the journal holds $held MiB, and $written MiB are new: too little after 2 minutes"
}
# note NUMBER ARRAY-FILE: for the medians
note() { echo "$1" >>"$journals.$2"; }
median() { sort -n "$journals.$1" | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : 0 }'; }
least() { sort -n "$journals.$1" | head -n 1; }
most() { sort -n "$journals.$1" | tail -n 1; }

restart() { # restart WORD: and note how long it took, where the server says so
	local took cpu=0 pid queue=0
	# shellcheck disable=SC2086 # a command with arguments
	took=$($DFS_TEST_RESTART "$1")
	[[ $took =~ ^[0-9]+$ ]] || return 0
	if pid=$(cat "${DFS_TEST_STATE:-}/dittofs.pid" 2>/dev/null); then
		# 10 ms a tick; the thread that recovers, and how long others had its processor
		cpu=$(awk '{ sub(/.*\) /, ""); print ($12 + $13) * 10 }' "/proc/$pid/stat")
		queue=$(awk '{ print int($2 / 1000000) }' "/proc/$pid/task/$pid/schedstat")
	fi
	note "$took" restart
	note "$cpu" cpu
	note $((took - queue)) net
	last="restart $took ms, $cpu ms of CPU, $queue ms waiting for one"
}

began=1 round=1 last=
load_begin
for ((round = 1; round <= rounds; round++)); do
	[ -n "$load" ] || load_begin
	some_time "$seconds"
	load_lives
	if [ -n "${KILL9_REMOTE:-}" ]; then
		[ $((round % 4)) != 2 ] || far_kill
		weather=${weathers[RANDOM % ${#weathers[@]}]}
		far_weather "$weather"
	fi
	if [ "$mib" != 0 ]; then
		wait_full
		note "$held" held
		note "$live" live
		note "$written" written
	fi
	count_background
	[ $((round % stops)) != 0 ] || kill -STOP "$load"
	restart kill
	[ $((round % 3)) != 0 ] || restart kill
	[ -z "${KILL9_VERBOSE:-}" ] || echo "$SECONDS s, round $round:" "$weather" \
		"${held:+journal $held MiB, live $live MiB, new $written MiB,} $last"
	[ $((round % stops)) = 0 ] || continue
	if [ $((round % dies)) = 0 ] && [ "$round" != "$rounds" ]; then
		kill -KILL "$load"
		wait "$load" 2>/dev/null || true
		load=
	fi
	[ "$weather" != gone ] || far_weather mixed	# what is read must come some time
	checker verify -k || fail "from the journals"
	if [ -n "$load" ]; then
		kill -CONT "$load"
	elif [ -z "${KILL9_KEEP:-}" ]; then
		checker clean
	fi
done
if [ -n "$load" ]; then
	sleep 1
	kill -TERM "$load" 2>/dev/null || true
	wait "$load" || fail "the load failed"
	load=
	checker verify || fail "after the load's end"
fi
if [ -n "${KILL9_REMOTE:-}" ]; then
	far_weather calm
	restart kill		# so that no pause between two tries is waited for
	far_sent
	count_background
	spoilt=$(far_spoilt)
	$DFS_TEST_RESTART stop
	counts=$(far_recount "$build" "$DFS_TEST_STATE/export") || fail "counted anew: $counts"
	[[ $counts == *" 0 only here"* ]] || fail "not all is sent: $counts"
	far_recount_sees "$build" "$DFS_TEST_STATE/export" || fail "damage is not seen"
	"$build/dfs" fsck /export --with-remote --config "$DFS_TEST_STATE/dfs.yaml" 2>&1 ||
		fail "fsck"
	rm -f "$DFS_TEST_STATE"/export/containers/*
	"$build/dfs" start --config "$DFS_TEST_STATE/dfs.yaml" >/dev/null
	checker verify || fail "from the bucket alone"
	echo "$counts"
	echo "bucket: $uploaded containers put, $evicted evicted, $cold ranges read, $spoilt requests" \
		"spoilt, $failures calls failed"
fi
[ "$mib" = 0 ] || echo "the journal held $(least held) to $(most held) MiB at each kill, $(least live)" \
	"to $(most live) MiB of it neither overwritten, truncated nor deleted; $(median written) MiB anew a round"
said=
[ "$mib" != 0 ] || echo "$emptied containers emptied by compaction"
if [ -e "$journals.restart" ]; then
	echo "restart to serving: median $(median restart) ms, slowest $(most restart) ms;" \
		"less the time that others had the processor: $(median net) ms, at most $(most net) ms;" \
		"of CPU $(median cpu) ms, at most $(most cpu) ms"
	slowest=$(most restart)
	said="; restart $(median restart) to $slowest ms"
fi
[ "$mib" = 0 ] || said=", $(least held)+ MiB$said"
rm -f "$journals".*
if [ "${slowest:-0}" -gt "${KILL9_MOST_MS:-1000000}" ]; then
	echo "$rounds rounds hold$said: too slow"
	exit 1
fi
echo "$rounds rounds hold$said"
