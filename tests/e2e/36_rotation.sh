#!/bin/bash
# 36_rotation.sh [--quick] [BUILD]: a share of 10 GiB (512 MiB) that encrypts gets a new key-encrypting
# key while it serves: how long that takes, that no container and no segment of the log is touched,
# that the old key alone opens nothing and the new one all.  Quick, its containers are written anew
# under a new share key as well.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
mib=10240 every=16 files=
[ "${1:-}" != --quick ] || { mib=512 every=1; shift; }
build=$(cd "${1:-$e2e_top}" && pwd)
said=$(mktemp "${TMPDIR:-/tmp}/rotation.XXXXXX")
export DITTOFS_CARVE_AGE=1 DFS_TEST_ENCRYPTION=auto DITTOFS_ADMIN_INITIAL_PASSWORD=a-password-for-this-test
trap 'status=$?; rm -f "$said" "$said".*; server_end $status' EXIT
server_begin "$build" >"$said"
export HOME=$DFS_TEST_STATE
key=$DFS_TEST_STATE/key share=$DFS_TEST_STATE/export conf=$DFS_TEST_STATE/dfs.yaml
port=${DFS_TEST_NFS#*:} port=${port%%:*}

client() { "$e2e_top/tests/e2e/rotation_client.py" "$1" "$port" "$mib" "${2:-1}"; }
ctl() { "$build/dfsctl" "$@"; }
again() {
	"$build/dfs" stop --config "$conf" >/dev/null 2>&1 || true
	"$build/dfs" start --config "$conf" >"$said" 2>&1 || return 1
	server_wait "$DFS_TEST_MOUNT_PORT"
}
ms() { echo $((($(date +%s%N) - $1) / 1000000)); }
# as_they_are: inode, size and time of each file of the share but its keys' and the log's head
as_they_are() { (cd "$share" && stat -c '%n %i %s %y' containers/*.dfc journal/seg-*); }
sums() { (cd "$share" && sha256sum containers/*.dfc); }

ctl login --server "$(sed -n 's|.*console at \(http[^ ]*\)|\1|p' "$said")" --username admin \
	--password "$DITTOFS_ADMIN_INITIAL_PASSWORD" >/dev/null
client write
ctl system drain-uploads --timeout 120s >/dev/null
sleep 3	# the checkpoint behind it
files=$(find "$share/containers" -name '*.dfc' | wc -l)
[ "$files" -ge $((mib / 17)) ] || e2e_die "$mib MiB are in $files containers"

# The key-encrypting key.
old=$(cat "$key")
(umask 077 && { openssl rand -hex 32; echo "$old"; } >"$key.new" && mv "$key.new" "$key")
new=$(head -n 1 "$key")
as_they_are >"$said.before"
sums >"$said.sums"
wrapped=$(sha256sum <"$share/keys")
begin=$(date +%s%N)
ctl share rewrap-keys /export >/dev/null
took=$(ms "$begin")
[ "$(sha256sum <"$share/keys")" != "$wrapped" ] || e2e_die "the keys were not wrapped anew"
as_they_are | cmp -s - "$said.before" || e2e_die "a container or a segment was touched"
(cd "$share" && sha256sum --quiet -c "$said.sums") || e2e_die "a container was rewritten"
echo "$old" >"$key"
if again; then
	! client compare "$every" >/dev/null 2>&1 || e2e_die "the old key alone still opens it"
fi
echo "$new" >"$key"
again || e2e_die "the new key alone does not open it"
client compare "$every" || e2e_die "with the new key alone not all is there"
echo "$mib MiB in $files containers: a new key-encrypting key in $took ms, nothing rewritten"
[ "$mib" = 512 ] || exit 0

# The share key, and the containers' with it.
under_new() { # each container's header says so; one may vanish under our eyes
	local other
	other=$(find "$share/containers" -name '*.dfc' -exec od -An -t u4 -j 44 -N 4 {} \; 2>/dev/null |
		grep -cvw 2 || true)
	[ "$other" = 0 ]
}
ctl login --server "$(sed -n 's|.*console at \(http[^ ]*\)|\1|p' "$said")" --username admin \
	--password "$DITTOFS_ADMIN_INITIAL_PASSWORD" >/dev/null
ctl share rotate-key /export | grep -q 2 || e2e_die "no second key"
begin=$(date +%s%N)
ctl share rotate-containers /export --timeout 60s >"$said.rotated"
took=$(ms "$begin")
for ((i = 0; i < 50; i++)); do	# the old files go once that is durable
	! under_new || break
	sleep 0.2
done
under_new || e2e_die "a container is still under the old share key: $(cat "$said.rotated")"
client compare 1 || e2e_die "after its containers were written anew not all is there"
echo "$mib MiB of containers under a new share key in $took ms"
