#!/bin/bash
# power.sh BUILD [--quick | RUNS IMAGES]: cut the power at any moment; nothing that was acknowledged
# may be lost, and the server must start.
#
# A run of the server under a load is recorded, a kill and a restart in its middle included: every
# write, name and sync.  For moments chosen by a seed images of the disk are built (power.c says
# what they may hold); on each the server starts, and the load's journals are held against it.  Runs
# differ: in where the metadata store lies, in memory (how often LevelDB changes its log), in how
# soon data is carved (containers are emptied as soon as a little of them is dead), in whether the
# share encrypts; if so, its keys are wrapped by another key at the restart, and once that is over
# the first is gone; in whether it has a remote store, a folder of the same disk, to which it brings
# its containers and of which it keeps few.
#
# After the load's journals the stopped share is counted anew (far.sh, recount.c).
#
# power.sh --bucket BUILD [--quick | RUNS IMAGES]: the same with an S3 server behind each share, which has
# bad days while it is recorded and loses no power: at each image it has what it had at that moment,
# requests under way done or not, and so often more than the image knows of.
#
# power.sh --mutants BUILD [IMAGES]: BUILD has --enable-faults; once for each sync site by name with
# that site only pretending, a new run every eight images: some image must show it.  Prints a table.
#
# power.sh --sites: the sync sites in the source, which must be those of the table.
#   POWER_SEED=1   POWER_SECONDS=2 (of load before and after the kill; 3 with a bucket)   POWER_WORKERS=3
#   POWER_BLOCKS=512 (of 4 KiB a file: so much that data is carved, too)
#   POWER_LANES=2 (runs or sites at once)   POWER_SITES= (mutants: these only)
#   POWER_VERBOSE= (not empty: a line an image)   POWER_KEEP= (not empty: what failed stays there)
set -uo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/crash/far.sh
. "$(dirname "$0")/far.sh"

# A site, and the circumstances in which it shows where the usual ones do not bring them about: a
# first process that is killed at a fault point, for what a restart has to make good; a metadata
# store in a folder of its own; moments soon after a start, for what later syncs make good; a share
# that encrypts; writes that are torn, for what has a second copy; a share with a remote store.
sites='
journal.sync
journal.folder    early
segment.folder
head.sync
head.folder       early kill=segment.folder:2
recover.sync      kill=journal.sync:200
recover.folder    early kill=segment.folder:4
container.sync
container.folder
meta.sync
meta.folder       early kill=store.sync:1
meta.vouch        torn
meta.above        apart
share.sync
share.above
keys.sync         sealed
keys.folder       sealed
object.sync       far
object.folder     far
object.above      far
'
all_sites() { awk 'NF > 0 { print $1 }' <<<"$sites"; }

# sites_agree: the table has those of the source, and no others.
sites_agree() {
	(
		cd "$e2e_top" || exit 1
		grep -rhoE '(file_sync|file_sync_folder|file_replace|sync_skipped)\([^;]*"[a-z]+\.[a-z]+"' \
			--include='*.c' pipeline backends mgmt | sed 's/.*"\(.*\)"/\1/' | sort -u
	) >"$work/in-source"
	all_sites | sort >"$work/in-table"
	diff "$work/in-source" "$work/in-table" || { echo "these sync sites are in one only"; return 1; }
}

what=images
case ${1:-} in --mutants | --sites | --bucket) what=${1#--}; shift ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/power.XXXXXX")
fast=$work
[ ! -w /dev/shm ] || fast=$(mktemp -d /dev/shm/power.XXXXXX)
lanes=${POWER_LANES:-2}
server= load= lane= lane_pids=()

finish() {
	local status=$?
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null
	[ -z "$load" ] || kill -KILL "$load" 2>/dev/null
	far_end
	if [ -n "$lane" ]; then
		[ ! -e "$work/state/dittofs.pid" ] || "$build/dfs" stop --force --config \
			"$work/dfs.yaml" >/dev/null 2>&1
		exit "$status"
	fi
	[ ${#lane_pids[@]} = 0 ] || { kill "${lane_pids[@]}"; wait; } 2>/dev/null
	rm -rf "$fast"
	[ -n "${POWER_KEEP:-}" ] && [ "$status" != 0 ] && echo "kept: $work" || rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

if [ "$what" = sites ]; then
	sites_agree && all_sites
	exit
fi
build=$(cd "${1:-$e2e_top}" && pwd)
runs=${2:-20} images=${3:-100}
[ "$runs" != --quick ] || { runs=2 images=18; [ "$what" != bucket ] || images=10; }
checker=$build/tests/bin/crash_checker seconds=2
[ "$what" != bucket ] || seconds=3
seconds=${POWER_SECONDS:-$seconds}

# settings SEED APART SEALED FAR: one share, a journal so small that its segments come round
settings() {
	local carve_age=$((1 + $1 % 3 * 2))
	[ "$4" != s3 ] || carve_age=1
	cat <<-END
	state_dir: $work/state
	workers: 2
	memory: $((64 << ($1 / 2 % 2 * 2)))MiB
	carve_age: $carve_age
	gc:
	  compaction_live_percent: 95
	  grace_period: $(($1 % 2))
	nfs:
	  host: 127.0.0.1
	  port: $port
	metrics:
	  port: 0
	controlplane:
	  port: 0
	database:
	  sqlite:
	    path: $fast/control.db
	shares:
	  - name: /export
	    dir: $work/state/shares/export
	    metadata: leveldb
	    journal: 64MiB
	    allow:
	      - hosts: "127.0.0.0/8"
	        squash: none
	END
	[ -z "$2" ] || echo "    metadata_dir: $work/state/meta"
	[ -z "$4" ] || printf '    remote: far\n    local_size: 1MiB\n'
	[ -z "$3" ] || printf '    encryption: auto\n    compression: zstd\nencryption:\n  key_file: %s\n' "$work/keyfile"
	case $4 in
	yes) printf 'remotes:\n  - name: far\n    type: fs\n    path: %s\n' "$work/state/bucket/far" ;;
	s3) remote_conf ;;
	esac
}

# wrapped_by KEY...: keys of 64 digits, the first of which wraps
wrapped_by() {
	local n
	(umask 077 && for n; do printf '%064d\n' "$n"; done >"$work/keyfile")
}

# recorded_start SITE KILL: the server in the foreground, recorded, a sync site left out, to be
# killed at a fault point; where that comes so early that nobody was served, it is started again
recorded_start() {
	env LD_PRELOAD="$build/tests/bin/power_preload.so" POWER_RECORD="$fast/record" \
		POWER_ROOT="$work/state" POWER_KILL="$work/kill" DITTOFS_SKIP_SYNC="$1" ${2:+"DITTOFS_FAULT=$2:kill"} \
		"$build/dfs" start -f --config "$work/dfs.yaml" >>"$work/server.log" 2>&1 &
	server=$!
	while kill -0 "$server" 2>/dev/null; do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
		sleep 0.1
	done
	[ -z "$2" ] || sleep 0.5
	kill -0 "$server" 2>/dev/null && return
	[ -n "$2" ] || { tail -n 3 "$work/server.log"; echo "the recorded server ended"; return 1; }
	recorded_start "$1" ""
}

# recorded_kill: between two of its calls, so that the recording is whole
recorded_kill() {
	! kill -0 "$server" 2>/dev/null || timeout 5 bash -c 'echo >"$0"' "$work/kill" ||
		kill -KILL "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	server=
}

# something_came: to the bucket, some time; else no image says anything of it
something_came() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ ! -s "$far_dir/kept/log" ] || return 0
		sleep 0.1
	done
	echo "nothing came to the bucket in 30 s"
	return 1
}

# record_run SEED SITE: $fast/record, $root and the journals are what an image is made and judged by
record_run() {
	local row up kill='' apart='' sealed='' far=''
	row=$(awk -v site="$2" '$1 == site' <<<"$sites") when=
	[[ $row != *early* ]] || when=early
	[[ $row != *torn* ]] || when=torn
	[[ $row != *kill=* ]] || kill=${row##*kill=}
	[[ $row != *apart* && $(($1 % 2)) = 0 ]] || apart=yes
	[[ $row != *sealed && $(($1 % 3)) != 0 ]] || sealed=yes
	[[ $row != *far && $(($1 % 4)) != 1 ]] || far=yes
	[ "$what" != bucket ] || far=s3
	rm -rf "$work/state" "$work/journals" "$work/kill" "$fast"/{record,control.db*}
	mkfifo "$work/kill"
	mkdir -p "$work/state" "$work/journals"
	port=$(port_free) far_dir=$fast/far
	far_end
	rm -rf "$far_dir"
	mkdir "$far_dir"
	if [ "$what" = bucket ]; then
		far_begin "$far_dir" || return 1
		mapfile -t weathers < <(far_fault_names | grep -v gone)
		far_weather "${weathers[$1 % ${#weathers[@]}]}"
	fi
	settings "$1" "$apart" "$sealed" "$far" >"$work/dfs.yaml"
	wrapped_by 1
	root=$(stat -c %i "$work/state")
	recorded_start "$2" "$kill" || return 1
	"$checker" load -j "$work/journals" -d power -w "${POWER_WORKERS:-3}" -b "${POWER_BLOCKS:-512}" -s "$1" -t 3600 \
		-m "$port" -q "127.0.0.1:$port:/export" >"$work/load.log" 2>&1 &
	load=$!
	sleep "$seconds"
	[ "$what" != bucket ] || something_came || return 1
	recorded_kill
	[ "$what" != bucket ] || far_weather "${weathers[($1 + 1) % ${#weathers[@]}]}"
	wrapped_by 2 1
	recorded_start "$2" "" || return 1
	read -r up _ </proc/uptime	# hundredths of a second
	rewrapped=$((${up/./} * 10000000 + 20000000))
	sleep "$seconds"
	kill -0 "$load" 2>/dev/null || { cat "$work/load.log"; echo "the load failed"; return 1; }
	recorded_kill
	kill -KILL "$load"
	wait "$load" 2>/dev/null
	load=
	if [ "$what" = bucket ]; then	# half of the moments: just when the bucket has changed
		far_weather calm
		when=$far_dir/times
		sed -E 's/^\[[0-9]+, ([0-9]+), .*/\1/' "$far_dir/kept/log" >"$when"
	fi
	return 0
}

# images_begin SEED COUNT, image, images_end: build the next, start on it, look.  $seed is its seed;
# what is wrong is in $work/said.
images_begin() {
	coproc BUILDER { exec "$build/tests/bin/crash_power" "$fast/record" "$root" "$1" "$2" ${when:+"$when"}; }
	builder=$BUILDER_PID
	exec 7<&"${BUILDER[0]}" 8>&"${BUILDER[1]}"
}

images_end() {
	exec 7<&- 8>&-
	kill "$builder" 2>/dev/null
	wait "$builder" 2>/dev/null
}

# recounted: the stopped share, whose store may lie apart
recounted() {
	local store=$work/state/meta
	[ -d "$store" ] || store=$work/state/shares/export
	timeout 60 "$build/dfs" stop --config "$work/dfs.yaml" && far_recount "$build" \
		"$work/state/shares/export" "$store" "$work/state/bucket/far"
}

image() {
	local until moment ok=1
	rm -rf "$work/state" "$fast/image"
	mkdir "$fast/image"
	ln -s "$fast/image" "$work/state"
	echo "$fast/image" >&8
	read -r seed until moment <&7 || { echo "no image" >"$work/said"; return 1; }
	echo "$moment" >"$work/said"
	if [ "$until" -gt "$rewrapped" ]; then wrapped_by 2; else wrapped_by 2 1; fi
	if [ "$what" = bucket ]; then
		far_stop_server
		far_serve "$until" "$seed" || { echo "no server" >>"$work/said"; return 1; }
	fi
	if ! timeout 60 "$build/dfs" start --config "$work/dfs.yaml" >>"$work/said" 2>&1 </dev/null ||
		! timeout 60 "$checker" verify -k -q -u "$until" -j "$work/journals" -d power \
			-w "${POWER_WORKERS:-3}" -m "$port" "127.0.0.1:$port:/export" \
			>>"$work/said" 2>&1 || ! recounted >>"$work/said" 2>&1; then
		ok=0
		grep -E ' (error|warn) |panic' "$work/state/dittofs.log" | tail -n 5 >>"$work/said"
		"$build/dfs" stop --force --config "$work/dfs.yaml" >/dev/null 2>&1
	fi
	[ $ok = 1 ]
}

# --- the campaign ---

one_run() { # one_run RUN: its images; the number of bad ones is the status, at most 100
	local run=$1 i bad=0 seed=0
	local first=$((${POWER_SEED:-1} * 1000 + run))
	record_run "$first" "" || return 100
	images_begin $((first * 10000)) "$images"
	for ((i = 1; i <= images; i++)); do
		if image; then
			[ -z "${POWER_VERBOSE:-}" ] || sed -n 1p "$work/said"
			continue
		fi
		bad=$((bad + 1))
		echo "run $run image $i (seed $seed):"
		sed 's/^/    /' "$work/said"
		[ -z "${POWER_KEEP:-}" ] || { rm "$work/state"; mv "$fast/image" "$work/state"; \
			cp "$fast/record" "$work/record"; break; }
	done
	images_end
	echo "run $run: $("$build/tests/bin/crash_power" "$fast/record"); $images images, $bad bad"
	return $((bad < 100 ? bad : 100))
}

runs_of_lane() {
	local run
	for ((run = lane; run <= runs; run += lanes)); do
		one_run "$run"
		echo "$?" >>"$work/bad"
		[ -z "${POWER_KEEP:-}" ] || [ ! -e "$work/record" ] || return 1
	done
	echo whole >>"$work/bad"
}

# --- the mutants ---

one_site() { # one_site SITE: a line of the table
	local site=$1 i first=$((${POWER_SEED:-1} * 1000)) images=${images:-200} seed=0
	for ((i = 1; i <= images; i++)); do
		if ((i % 8 == 1)); then
			[ "$i" = 1 ] || images_end
			record_run $((first + i / 8)) "$site" >"$work/said" || break
			images_begin $(((first + i / 8) * 10000)) 8
		fi
		image || break
	done
	[ "$i" -gt "$images" ] || ((i % 8 == 1)) || images_end
	if [ "$i" -le "$images" ]; then
		printf '%-18s image %3d: %s\n' "$site" "$i" "$(sed 1d "$work/said" |
			grep -v '^dfs: [sc]\(erving\|ontrol\)' | head -n 1 | cut -c 1-110)"
	else
		printf '%-18s none of %d: MISSED\n' "$site" "$images"
		echo "$site" >>"$work/missed"
	fi
}

# base_is_good: with nothing left out an image is good, or none of what follows would say anything
base_is_good() {
	local seed=0 bad=0
	record_run $((${POWER_SEED:-1} * 1000)) "" || return 1
	images_begin 1 1
	image || bad=1
	images_end
	[ $bad = 0 ] || { echo "with nothing left out:"; cat "$work/said"; return 1; }
}

sites_of_lane() {
	local n=0 site
	for site in ${POWER_SITES:-$(all_sites)}; do
		n=$((n + 1))
		((n % lanes != lane % lanes)) || one_site "$site"
	done
	echo whole >>"$work/whole"
}

# in_lanes COMMAND: each in a folder of its own
in_lanes() {
	local n
	for ((n = 1; n <= lanes; n++)); do
		(
			lane=$n work=$work/lane$n fast=$fast/lane$n
			mkdir -p "$work" "$fast"
			trap finish EXIT
			trap 'exit 1' INT TERM
			RANDOM=$((n * 1000 + $$ % 1000))
			"$1"
		) 2>"$work/stderr$n" &
		lane_pids+=($!)
	done
	wait "${lane_pids[@]}"
	lane_pids=()
	grep -hv ' Killed ' "$work"/stderr* >&2
}

if [ "$what" = mutants ]; then
	images=${2:-200}
	sites_agree || exit 1
	base_is_good || exit 1
	printf '%-18s %s\n' "site left out" "caught by"
	in_lanes sites_of_lane
	[ "$(cat "$work"/lane*/whole 2>/dev/null | wc -l)" = "$lanes" ] || exit 1
	missed=$(cat "$work"/lane*/missed 2>/dev/null | wc -l)
	echo "$(wc -w <<<"${POWER_SITES:-$(all_sites)}") sync sites left out one by one: $missed not seen"
	[ "$missed" = 0 ]
else
	in_lanes runs_of_lane
	bad=$(cat "$work"/lane*/bad | awk '/^[0-9]/ { n += $1 } END { print n + 0 }')
	whole=$(cat "$work"/lane*/bad | grep -c whole)
	echo "power loss: $runs runs, $((runs * images)) images, $bad bad"
	[ "$bad" = 0 ] && [ "$whole" = "$lanes" ]
fi
