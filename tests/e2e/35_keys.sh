#!/bin/bash
# 35_keys.sh [--quick] [BUILD]: the keys of a share that encrypts, changed one level after another while it
# keeps what it holds; and what a wrong key costs: the share is down, says what to do, and is whole.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
[ "${1:-}" != --quick ] || shift	# it is short as it is
build=$(cd "${1:-$e2e_top}" && pwd)
journals=$(mktemp -d "${TMPDIR:-/tmp}/keys.XXXXXX")
export DITTOFS_CARVE_AGE=1 DFS_TEST_ENCRYPTION=auto DFS_TEST_COMPRESSION=zstd-1
export DITTOFS_GC_COMPACTION_LIVE_PERCENT=0
export DITTOFS_ADMIN_INITIAL_PASSWORD=a-password-for-this-test HOME=$journals
trap 'status=$?; rm -rf "$journals"; server_end $status' EXIT
server_begin "$build" >"$journals.said"
trap 'status=$?; rm -rf "$journals" "$journals".*; server_end $status' EXIT
key=$DFS_TEST_STATE/key share=$DFS_TEST_STATE/export conf=$DFS_TEST_STATE/dfs.yaml
port=$DFS_TEST_MOUNT_PORT dir=first

checker() {
	local word=$1
	shift
	"$build/tests/bin/crash_checker" "$word" -j "$journals" -d "$dir" -w 2 -b 64 -e 1 \
		-m "$port" -q "$@" "$DFS_TEST_NFS"
}
again() { # stop, and start anew
	"$build/dfs" stop --config "$conf" >/dev/null
	"$build/dfs" start --config "$conf" >"$journals.said" 2>&1 || return 1
	server_wait "$port"
}
# killed: the load's oracle wants to see a crash behind it
killed() {
	"$build/dfs" stop --force --config "$conf" >/dev/null
	"$build/dfs" start --config "$conf" >"$journals.said" 2>&1
	server_wait "$port"
}
holds() { checker verify -k || e2e_die "$1"; }
# newest_version: of the share key that wraps the newest container's key
newest_version() { od -An -t u4 -j 44 -N 4 "$(ls -t "$share"/containers/*.dfc | head -n 1)" | tr -d ' '; }
newer() { [ "$(newest_version)" = 2 ]; }
wait_for() { # wait_for TEXT COMMAND: up to 20 seconds
	local i
	for ((i = 0; i < 100; i++)); do
		"$2" && return 0
		sleep 0.2
	done
	e2e_die "$1"
}
plane() { sed -n 's|.*console at \(http[^ ]*\)|\1|p' "$journals.said"; }
login() {
	"$build/dfsctl" login --server "$(plane)" --username admin \
		--password "$DITTOFS_ADMIN_INITIAL_PASSWORD" >/dev/null
}

mkdir -p "$journals"
checker load -s 1 -t 3
killed
holds "after the load"
[ "$(stat -c %a "$share/keys")" = 600 ] || e2e_die "others may read the wrapped keys"

# The key-encrypting key: a new line in front; then the old one goes.  What is left of the load is
# packed first: containers of which something lives, that only compaction would rewrite; it is off.
old=$(cat "$key")
before=$(sha256sum <"$share/keys")
login
"$build/dfsctl" system drain-uploads --timeout 1m >/dev/null
(cd "$share/containers" && sha256sum ./*.dfc) >"$journals.sums"
(umask 077 && { openssl rand -hex 32; echo "$old"; } >"$key.new" && mv "$key.new" "$key")
begin=$(date +%s%N)
again || e2e_die "it does not start with a new key in front"
echo "a new key-encrypting key: $((($(date +%s%N) - begin) / 1000000)) ms, restart and all"
[ "$(sha256sum <"$share/keys")" != "$before" ] || e2e_die "the keys were not wrapped anew"
holds "with a new key in front"
new=$(head -n 1 "$key")
echo "$new" >"$key"
again || e2e_die "it does not start without the old key"
holds "without the old key"
(cd "$share/containers" && sha256sum --quiet --ignore-missing -c "$journals.sums") ||
	e2e_die "a container was rewritten"

# The old key alone opens nothing: the share is down, and untouched.
echo "$old" >"$key"
"$build/dfs" stop --config "$conf" >/dev/null
before=$(sha256sum <"$share/keys")
head_before=$(sha256sum <"$share/journal/head")
if "$build/dfs" start --config "$conf" >"$journals.said" 2>&1; then
	! checker verify -k >/dev/null 2>&1 || e2e_die "it serves with the wrong key"
	"$build/dfs" stop --config "$conf" >/dev/null
fi
grep -qs "put its line back" "$journals.said" "$DFS_TEST_STATE"/*.log ||
	e2e_die "nothing says what to do about the key"
if grep -qs -e "$old" -e "$new" "$journals.said" "$DFS_TEST_STATE"/*.log; then
	e2e_die "a key is in the log"
fi
[ "$(sha256sum <"$share/keys")" = "$before" ] || e2e_die "the wrapped keys were changed"
[ "$(sha256sum <"$share/journal/head")" = "$head_before" ] || e2e_die "the journal was changed"
chmod 644 "$key"
echo "$new" >"$key"
"$build/dfs" start --config "$conf" >"$journals.said" 2>&1 || true
"$build/dfs" stop --config "$conf" >/dev/null 2>&1 || true
grep -qs "chmod 600" "$journals.said" "$DFS_TEST_STATE"/*.log ||
	e2e_die "a key that others may read is taken"
chmod 600 "$key"
"$build/dfs" start --config "$conf" >"$journals.said" 2>&1
server_wait "$port"
holds "with the right key again"

# The share key: what is carved from now on is under the new one, and all is read.
login
"$build/dfsctl" share rotate-key /export | grep -q 2 || e2e_die "no second key"
checker clean
rm -f "$journals"/*
dir=second
checker load -s 2 -t 3
killed
wait_for "new containers are not under the new share key" newer
holds "with a new share key"
again
holds "after a restart with two share keys"
checker clean
echo "keys changed, or refused, at each level there is, and all that was written is there"
