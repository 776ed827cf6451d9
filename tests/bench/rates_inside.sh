#!/bin/bash
# rates_inside.sh BUILD WORK ROUNDS SECONDS: what rates.sh runs beside Ganesha, in its namespaces.
# Lines of WORK/figures: server operation shape rate server-cpu-µs p99-µs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 work=$2 rounds=$3 seconds=$4
bin=$build/tests/bin
rate=
burst_mib=1024	# half of a share's journal_bytes as it is by default
memory=2GiB	# ours is told; Ganesha has all of the kernel's page cache, a whole burst of it at least
declare -A port mount export pid
stream=
tier() { # tier NAME PORT: our daemon with a share of that tier
	mkdir "$work/$1"
	cat >"$work/$1/dfs.yaml" <<-END
		state_dir: $work/$1
		memory: $memory
		nfs: { host: 127.0.0.1, port: $2 }
		metrics: { port: $(($2 + 1)) }
		controlplane: { enabled: false }
		shares:
		  - name: /export
		    dir: $work/$1/export
		    metadata: leveldb
		    durability: $1
		    allow:
		      - hosts: "127.0.0.0/8"
		        squash: none
	END
	"$build/dfs" start --config "$work/$1/dfs.yaml" >/dev/null
	port[$1]=$2 mount[$1]=$2 export[$1]=/export pid[$1]=$(cat "$work/$1/dittofs.pid")
}

# shellcheck disable=SC2317 # called by the trap
finish() {
	kill "$loop" "$stream" 2>/dev/null || true
	for t in writeback local; do
		"$build/dfs" stop --config "$work/$t/dfs.yaml" >/dev/null 2>&1 || true
	done
}
tier writeback 20600
tier local 20610
port[ganesha]=2049 mount[ganesha]=$DFS_TEST_MOUNT_PORT export[ganesha]=/export
pid[ganesha]=$DFS_TEST_SERVER_PID
"$bin/bench_loop" 2 20620 >/dev/null &
loop=$!
trap finish EXIT

bench() { # bench SERVER SHAPE CONNS DEPTH OPS [OPTION...]
	local server=$1 shape=$2 conns=$3 depth=$4 ops=$5
	shift 5
	"$bin/nfsbench" -p "${port[$server]}" -m "${mount[$server]}" -C "${pid[$server]}" -k \
		-c "$conns" -q "$depth" -t "$seconds" -w 0.2 -n 2 -s 4m -o "$ops" "$@" \
		127.0.0.1 "${export[$server]}" 2>>"$work/errors" |
		python3 -c '
import json, sys
for r in json.load(sys.stdin)["results"]:
    name = r["op"] + (":%dk" % (r["size"] >> 10) if r["size"] else "")
    rate = r["ops_per_s"] * (1 - r["errors"] / max(r["ops"], 1))
    print(sys.argv[1], name, sys.argv[2], rate, r["server_cpu_us_per_op"], r["lat_us"]["p99"])
' "$server" "$shape" >>"$work/figures" || true
}

# Half the journal's cap into new files, then over the same files; before each burst all that came
# before is drained: to the disk, ours to containers as well.
cat >"$work/drain" <<'END'
#!/bin/bash
# drain [METRICS-PORT]
[ -z "${1:-}" ] || python3 -c '
import sys, time, urllib.request
for i in range(1200):
    text = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % sys.argv[1]).read().decode()
    dirty = [float(l.split()[-1]) for l in text.splitlines()
             if l.startswith("dittofs_share_dirty_bytes")]
    if dirty and not any(dirty):
        sys.exit(0)
    time.sleep(0.1)
sys.exit("dirty data stays")
' "$1" || exit 1
sleep 1.5	# the checkpoint behind it
sync
END
chmod +x "$work/drain"

burst() { # burst SERVER SHAPE CONNS DEPTH
	local server=$1 shape=$2 conns=$3 depth=$4 drain="$work/drain"
	[ "$server" = ganesha ] || drain="$drain $((${port[$server]} + 1))"
	"$bin/nfsbench" -p "${port[$server]}" -m "${mount[$server]}" -C "${pid[$server]}" \
		-c "$conns" -q "$depth" -z -n 1 -s $((burst_mib / conns))m -D "$drain" \
		-o burst:1m,burst:1m 127.0.0.1 "${export[$server]}" 2>>"$work/errors" |
		python3 -c '
import json, sys
for name, r in zip(("burst:new", "burst:over"), json.load(sys.stdin)["results"]):
    if r["errors"] or r["unstable"] < 0.9 * r["ops"]:
        continue
    for more, ms in (("", 0), ("+commit", r["commit_ms"])):
        print(sys.argv[1], name + more, sys.argv[2], r["ops"] / (r["secs"] + ms / 1000),
              r["server_cpu_us_per_op"], r["lat_us"]["p99"])
' "$server" "$shape" >>"$work/figures" || true
}

beside() { # beside SERVER OP: GETATTR, one at a time, while another client streams 1 MiB reads or writes
	local server=$1 op=$2 before after
	"$bin/nfsbench" -p "${port[$server]}" -m "${mount[$server]}" -k -c 1 -q 4 -t 60 -w 0 \
		-n 2 -s 16m -o "$op:1m" 127.0.0.1 "${export[$server]}" >/dev/null 2>&1 &
	stream=$!
	sleep 1
	before=$(wc -l <"$work/figures")
	bench "$server" 1x1 1 1 getattr
	after=$(wc -l <"$work/figures")
	kill "$stream" 2>/dev/null || after=$before	# it had ended: that was no stream
	wait "$stream" 2>/dev/null || true
	stream=
	if [ "$after" -gt "$before" ]; then
		sed -i "\$s/ getattr / getattr+$op /" "$work/figures"
	fi
}

settle() { # nothing that came before is carved, applied or compacted beside what is measured now
	for t in writeback local; do
		"$work/drain" $((${port[$t]} + 1)) || return 1
	done
}

# durable SERVER WAITS: entries of whole files straight into a journal, by eight writers who wait as
# often as that tier does; at once, on the same disk, whole files of eight clients through our daemon.
# What the second is of the first, and both.  Twice, before the first files are old enough to carve.
durable() {
	local server=$1 waits=$2 journal
	settle || return 0
	for _ in 1 2; do
		journal=$("$bin/bench_journal" "$work/appends" 1 8 "$waits" 2>>"$work/errors" |
			awk '$1 == "files" { print $4, 0, $10 }')
		rm -rf "$work/appends"
		sync
		[ -n "$journal" ] && files "$server" || return 0
		echo "journal append:$waits 8x1 $journal" >>"$work/figures"
		awk -v a="$rate" -v b="${journal%% *}" -v s="$server" \
			'BEGIN { if (b > 0) print s, "durable", "8x1", a / b, 0, 0 }' >>"$work/figures"
	done
}

carving() { # what carving alone does, and a share that carves what it is written, on the same disk
	mkdir "$work/carving"
	"$bin/bench_carve" "$work/carving" 256 2>>"$work/errors" | awk 'NR > 1 {
		print "bare carve", $1, $2, $3, 0; print "share carve", $1, $4, $5, 0 }' >>"$work/figures"
	rm -rf "$work/carving"
}

loop_bench() { # the yardstick: OP CONNS DEPTH
	"$bin/bench_rpc" 20620 "$1" "$2" "$3" "$seconds" "$loop" | sed -E \
		's|^(\S+) (\S+): ([0-9]+) calls/s, p50 \S+ us, p99 (\S+) us, server ([0-9]+) ns.*|\1 \2 \3 \5 \4|' |
		awk -v s="$2x$3" '{ print "loop", $1, s, $3, $4 / 1000, $5 }' >>"$work/figures"
}

files() { # of eight clients; leaves its rate behind
	bench "$1" 8x1 8 1 whole
	rate=$(tail -n 1 "$work/figures" | awk -v s="$1" '$1 == s && $2 == "whole:4k" { print $4 }')
	[ -n "$rate" ]
}

: >"$work/figures"
for ((round = 0; round < rounds; round++)); do	# operation by operation, servers in turn
	for op in null getattr access lookup read:4k; do
		for shape in "1 1" "4 16"; do
			read -r conns depth <<<"$shape"
			for server in writeback local ganesha; do
				bench $server "${conns}x$depth" "$conns" "$depth" $op
			done
			[ "$op" = read:4k ] || loop_bench "$op" "$conns" "$depth"
			[ "$op" != read:4k ] || loop_bench read "$conns" "$depth"
		done
	done
	for op in create,remove write:4k commit read:1m write:1m; do
		for shape in "1 1" "4 16"; do
			read -r conns depth <<<"$shape"
			for server in writeback local ganesha; do
				bench $server "${conns}x$depth" "$conns" "$depth" $op
			done
		done
	done
	durable local 2
	durable writeback 1
	files ganesha || true
	for shape in "1 1" "4 16"; do
		read -r conns depth <<<"$shape"
		for server in local ganesha; do
			burst $server "${conns}x$depth" "$conns" "$depth"
		done
	done
	carving
	beside local read
	beside local write
done
for t in writeback local; do
	python3 -c '
import sys, urllib.request
for line in urllib.request.urlopen(sys.argv[2]).read().decode().splitlines():
    if "_stage_" in line and line[0] != "#":
        print(sys.argv[1], line)
' $t "http://127.0.0.1:$((${port[$t]} + 1))/metrics" >>"$work/metrics"
done

# profile SERVER OP SHAPE: the three dearest lines of that operation, for a bar that it missed.
profile() {
	local server=$1 op=$2 shape=$3 recorder
	perf record -q -e cpu-clock -F 999 -p "${pid[$server]}" -o "$work/perf" -- \
		sleep "$seconds" >/dev/null 2>&1 &
	recorder=$!
	case $op in
	getattr+*) beside "$server" "${op#*+}" ;;
	whole:4k) files "$server" || true ;;
	*) bench "$server" "$shape" "${shape%x*}" "${shape#*x}" "$op" ;;
	esac
	wait "$recorder" || true
	perf report -i "$work/perf" --no-children -g none --sort comm,dso,sym --stdio 2>/dev/null |
		tr -s ' ' | sed -nE 's/^ ([0-9.]+%)/\1/p' | head -n 3 | sed "s/^/$* | /"
}
cp "$work/figures" "$work/measured"
python3 "$here/rates_table" --missed "$work/measured" | sort -u | head -n 16 |
	while read -r server op shape; do
		if command -v perf >/dev/null; then
			profile "$server" "$op" "$shape"
		else
			echo "$server $op $shape | perf is not here to say what costs"
		fi
	done >"$work/profiles"
sort -u "$work/errors" | head -n 5 >&2
