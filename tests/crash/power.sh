#!/bin/bash
# power.sh BUILD [--quick | RUNS IMAGES]: cut the power at any moment; nothing that was acknowledged
# may be lost, and the server must start.
#
# A run of the server under a load is recorded, a kill and a restart in its middle included: every
# write, name and sync.  For moments chosen by a seed images of the disk are built (power.c says
# what they may hold); on each the server starts, and the load's journals are held against it.
#
# power.sh --mutants BUILD [IMAGES]: BUILD has --enable-faults; once for each sync site by name with
# that site only pretending, a new run every eight images: some image must show it.  Prints a table.
#   POWER_SEED=1   POWER_SECONDS=2 (of load before and after the kill)   POWER_WORKERS=3
#   POWER_BLOCKS=512 (of 4 KiB a file: so much that data is carved, too)
#   POWER_SITES= (mutants: these only)   POWER_VERBOSE= (not empty: a line an image)
#   POWER_KEEP= (not empty: what failed stays there)
set -uo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
mutants=
[ "${1:-}" != --mutants ] || { mutants=yes; shift; }
build=$(cd "${1:-$e2e_top}" && pwd)
runs=${2:-20} images=${3:-100}
[ "$runs" != --quick ] || { runs=1 images=36; }
checker=$build/tests/bin/crash_checker
work=$(mktemp -d "${TMPDIR:-/tmp}/power.XXXXXX")
fast=$work
[ ! -w /dev/shm ] || fast=$(mktemp -d /dev/shm/power.XXXXXX)
server= load=

finish() {
	local status=$?
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null
	[ -z "$load" ] || kill -KILL "$load" 2>/dev/null
	[ ! -e "$work/state/dittofs.pid" ] || "$build/dfs" stop --force --config "$work/dfs.yaml" \
		>/dev/null 2>&1
	rm -rf "$fast"
	[ -n "${POWER_KEEP:-}" ] && [ "$status" != 0 ] && echo "kept: $work" || rm -rf "$work"
	exit "$status"
}
trap finish EXIT

# settings: one share, a journal so small that its segments come round
settings() {
	cat <<-END
	state_dir: $work/state
	workers: 2
	nfs:
	  host: 127.0.0.1
	  port: $port
	metrics:
	  port: 0
	controlplane:
	  port: 0
	database:
	  sqlite:
	    path: $work/control.db
	shares:
	  - name: /export
	    dir: $work/state/export
	    metadata: leveldb
	    journal: 64MiB
	    allow:
	      - hosts: "127.0.0.0/8"
	        squash: none
	END
}

# recorded_start SITE: the server in the foreground, recorded, a sync site left out
recorded_start() {
	LD_PRELOAD=$build/tests/bin/power_preload.so POWER_RECORD=$fast/record \
		POWER_ROOT=$work/state DITTOFS_SKIP_SYNC=$1 \
		"$build/dfs" start -f --config "$work/dfs.yaml" >>"$work/server.log" 2>&1 &
	server=$!
	server_wait "$port"
}

recorded_kill() {
	kill -KILL "$server"
	wait "$server" 2>/dev/null
	server=
}

# record_run SEED SITE: $fast/record, $root and the journals are what an image is made and judged by
record_run() {
	rm -rf "$work/state" "$work/journals" "$fast/record"
	mkdir -p "$work/state" "$work/journals"
	port=$(port_free)
	settings >"$work/dfs.yaml"
	root=$(stat -c %i "$work/state")
	recorded_start "$2"
	"$checker" load -j "$work/journals" -d power -w "${POWER_WORKERS:-3}" -b "${POWER_BLOCKS:-512}" -s "$1" -t 3600 \
		-m "$port" -q "127.0.0.1:$port:/export" >"$work/load.log" 2>&1 &
	load=$!
	sleep "${POWER_SECONDS:-2}"
	recorded_kill
	recorded_start "$2"
	sleep "${POWER_SECONDS:-2}"
	kill -0 "$load" 2>/dev/null || { cat "$work/load.log"; echo "the load failed"; return 1; }
	recorded_kill
	kill -KILL "$load"
	wait "$load" 2>/dev/null
	load=
	return 0
}

# image SEED: build it, start on it, look; what is wrong is in $work/said
image() {
	local moment ok=1
	rm -rf "$work/state" "$fast/image"
	mkdir "$fast/image"
	ln -s "$fast/image" "$work/state"
	moment=$("$build/tests/bin/crash_power" "$fast/record" "$root" "$fast/image" "$1") || {
		echo "no image" >"$work/said"; return 1; }
	echo "$moment" >"$work/said"
	if timeout 60 "$build/dfs" start --config "$work/dfs.yaml" >>"$work/said" 2>&1 </dev/null; then
		timeout 60 "$checker" verify -k -q -u "${moment%% *}" -j "$work/journals" -d power \
			-w "${POWER_WORKERS:-3}" -m "$port" "127.0.0.1:$port:/export" \
			>>"$work/said" 2>&1 || ok=0
	else
		ok=0
	fi
	[ $ok = 1 ] || grep -E ' (error|warn) |panic' "$work/state/dittofs.log" | tail -n 5 >>"$work/said"
	"$build/dfs" stop --force --config "$work/dfs.yaml" >/dev/null 2>&1
	[ $ok = 1 ]
}

all_runs() {
	local run i seed bad=0 events
	for ((run = 1; run <= runs; run++)); do
		seed=$((${POWER_SEED:-1} * 1000 + run))
		record_run "$seed" "" || exit 1
		events=$(stat -c %s "$fast/record")
		for ((i = 1; i <= images; i++)); do
			if image $((seed * 10000 + i)); then
				[ -z "${POWER_VERBOSE:-}" ] || sed -n 1p "$work/said"
				continue
			fi
			bad=$((bad + 1))
			echo "run $run image $i (seed $((seed * 10000 + i))):"
			sed 's/^/    /' "$work/said"
			[ -z "${POWER_KEEP:-}" ] || { rm "$work/state"; mv "$fast/image" "$work/state"; \
				cp "$fast/record" "$work/record"; exit 1; }
		done
		[ "$runs" = 1 ] || echo "run $run: $((events >> 20)) MiB recorded, $bad images bad so far"
	done
	echo "power loss: $runs runs, $((runs * images)) images, $bad bad"
	[ "$bad" = 0 ]
}

all_sites=(journal.sync segment.sync folder.sync head.sync recover.sync container.sync
	container.folder container.above meta.sync meta.folder meta.vouch meta.above share.sync
	share.folder share.above)

all_mutants() {
	local site i seed missed=0 images=${2:-200}
	read -ra sites <<<"${POWER_SITES:-${all_sites[*]}}"
	printf '%-18s %s\n' "site left out" "caught by"
	for site in "${sites[@]}"; do
		seed=$((${POWER_SEED:-1} * 1000))
		for ((i = 1; i <= images; i++)); do
			((i % 8 != 1)) || record_run $((seed + i)) "$site" >/dev/null || continue
			image $(((seed + i) * 10000 + i)) || break
		done
		if [ "$i" -le "$images" ]; then
			printf '%-18s image %d: %s\n' "$site" "$i" "$(sed 1d "$work/said" | grep -v "^dfs: [sc]\(erving\|ontrol\)" | head -n 1 | cut -c 1-90)"
		else
			printf '%-18s none of %d: MISSED\n' "$site" "$images"
			missed=$((missed + 1))
		fi
	done
	[ "$missed" = 0 ]
}

if [ -n "$mutants" ]; then
	all_mutants "$@"
else
	all_runs
fi
