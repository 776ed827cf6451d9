# shellcheck shell=bash
# far.sh - a bucket for the campaigns: our small S3 server, which has all again when it was killed, a
# proxy before it that spoils what passes, and how a stopped share is counted anew.
#
# Sourced.  far_begin FOLDER sets and exports what tests/e2e/lib.sh wants of a remote store; all of
# the server's past lies in FOLDER/kept.

far_tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
far_server='' far_proxy=''

# What happens to requests, by name.
far_faults='
calm	[]
busy	[{"how":"status","status":503,"code":"SlowDown","share":0.3}]
lost	[{"how":"lose","share":0.4}]
cut	[{"how":"cut","share":0.3,"of":["GET"]},{"how":"reset","share":0.3,"of":["PUT"]}]
bent	[{"how":"flip","share":0.3,"of":["GET"]},{"how":"bend","share":0.3,"of":["PUT"]}]
gone	[{"how":"gone"}]
mixed	[{"how":"lose","share":0.1},{"how":"cut","share":0.1},{"how":"flip","share":0.1},{"how":"bend","share":0.1},{"how":"reset","share":0.1},{"how":"status","status":500,"code":"InternalError","share":0.1}]
'
far_fault_names() { awk 'NF > 1 { print $1 }' <<<"$far_faults"; }

# far_serve [UNTIL TOSS]: the server, on its port of before if it had one; UNTIL: as it was at that time
far_serve() {
	rm -f "$far_dir/port"
	S3_KEEP=$far_dir/kept S3_UNTIL=${1:-0} S3_TOSS=${2:-0} python3 "$far_tests/s3/server.py" \
		"$far_dir/port" "$far_port" 2>>"$far_dir/server.log" &
	far_server=$!
	for _ in $(seq 300); do
		[ -s "$far_dir/port" ] && return
		sleep 0.1
	done
	tail -n 5 "$far_dir/server.log"
	return 1
}

far_stop_server() {
	[ -n "$far_server" ] || return 0
	kill -KILL "$far_server" 2>/dev/null || true
	wait "$far_server" 2>/dev/null || true
	far_server=
}

far_begin() {
	local ours
	far_dir=$1 far_port=$(port_free)
	export S3_ACCESS_KEY=TESTACCESSKEY S3_SECRET_KEY=test/secret+key S3_REGION=us-east-1 S3_BUCKET=suite
	export DITTOFS_REMOTES_FAR_SECRET_ACCESS_KEY=$S3_SECRET_KEY
	mkdir -p "$far_dir"
	far_serve || return 1
	ours=$(port_free)
	mkfifo "$far_dir/orders"
	python3 "$far_tests/s3/fault_proxy.py" "$ours" "127.0.0.1:$far_port" <"$far_dir/orders" \
		>"$far_dir/counts" 2>>"$far_dir/server.log" &
	far_proxy=$!
	exec 6>"$far_dir/orders"
	server_wait "$ours"
	export S3_ENDPOINT=http://127.0.0.1:$far_port DFS_TEST_REMOTE=http://127.0.0.1:$ours
}

# far_weather NAME: these faults from now on
far_weather() { awk -v name="$1" '$1 == name { sub(/^[^\t]*\t/, ""); print }' <<<"$far_faults" >&6; }

# far_kill: the server, at any moment; it is back after some time
far_kill() {
	far_stop_server
	sleep "${1:-0.5}"
	far_serve
}

far_end() {
	[ -z "$far_proxy" ] || { exec 6>&-; kill "$far_proxy" 2>/dev/null; wait "$far_proxy" 2>/dev/null; } || true
	far_proxy=
	far_stop_server
}

# far_spoilt: requests that did not pass as they were
far_spoilt() {
	tail -n 1 "$far_dir/counts" | tr ',{}' '\n' | tr -d '" ' | awk -F: '
		$1 ~ /^(status|lose|cut|flip|bend|reset)$/ { n += $2 } END { print n + 0 }'
}

# far_recount BUILD SHARE-FOLDER [STORE-FOLDER [BUCKET-FOLDER]]: a stopped share's rows, its files and,
# where there is a server or such a folder, its objects against each other; the lists of them in far_dir
far_recount() {
	local objects=
	find "$2/containers" -type f -printf '%s %f\n' >"$far_dir/files" || return 1
	if [ -n "$far_server" ]; then
		objects=$far_dir/objects
		python3 "$far_tests/s3/bucket.py" >"$objects" || return 1
	elif [ -d "${4:-}" ]; then
		objects=$far_dir/objects
		find "$4" -type f -printf '%s %P\n' >"$objects" || return 1
	fi
	"$1/tests/bin/crash_recount" "${3:-$2}" "$far_dir/files" ${objects:+"$objects"}
}

# far_recount_sees BUILD SHARE-FOLDER: after far_recount; an object, a file too many or too few is seen
far_recount_sees() {
	local what
	cp "$far_dir/files" "$far_dir/all.files"
	cp "$far_dir/objects" "$far_dir/all.objects"
	for what in less.objects more.objects more.files; do
		cp "$far_dir/all.files" "$far_dir/files"
		cp "$far_dir/all.objects" "$far_dir/objects"
		case $what in
		less.*) sed -i '0,/\/c\//{/\/c\//d}' "$far_dir/${what#*.}" ;;
		*) sed -n '/\/c\/\|dfc\|dfp/{s/[0-9a-f]\{6\}\($\|\.df.$\)/fffff0\1/;p;q}' "$far_dir/all.${what#*.}" \
			>>"$far_dir/${what#*.}" ;;
		esac
		"$1/tests/bin/crash_recount" "$2" "$far_dir/files" "$far_dir/objects" >"$far_dir/seen"
		[ $? = 1 ] || { echo "the recount does not see $what"; return 1; }
	done
}
