#!/bin/bash
# 36_store_keys.sh [--quick] [BUILD]: encryption and compression asked for by a remote store: its shares
# inherit them and cannot do with less; the wrapped keys lie beside the containers; a new
# key-encrypting key is taken while a share serves; a wrong one costs that share alone.
set -euo pipefail
[ "${1:-}" != --quick ] || shift	# it is short as it is
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
build=$(cd "${1:-$e2e_top}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dfs-store-keys.XXXXXX")
export HOME=$work XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state PATH=$build:$PATH
export DITTOFS_ADMIN_INITIAL_PASSWORD=a-first-password DITTOFS_OTHER_PASSPHRASE="a long passphrase"
mkdir -p "$work/config" "$work/state" "$work/far" "$work/other"
nfs=$(port_free) plane=$(port_free)
cat >"$work/dfs.yaml" <<END
state_dir: $work/state
carve_age: 1
nfs:
  host: 127.0.0.1
  port: $nfs
metrics:
  enabled: false
controlplane:
  port: $plane
END
finish() {
	local status=$?
	dfs stop --config "$work/dfs.yaml" >/dev/null 2>&1 || true
	if [ $status != 0 ]; then
		tail -n 30 "$work"/state/*.log 2>/dev/null | sed 's/^/    /' >&2
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT

refused() { # refused TEXT COMMAND...: it fails, and says TEXT
	local text=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		e2e_die "it was not refused: $*"
	fi
	grep -q -- "$text" "$work/said" || { cat "$work/said" >&2; e2e_die "it does not say \"$text\": $*"; }
}
clients() { # clients SHARE PART...
	local share=$1
	shift
	python3 "$e2e_top/tests/e2e/s3_client.py" "$nfs" "$share" "$work" 1 "$@"
}
drained() { dfsctl system drain-uploads --timeout 60s >/dev/null; }
shows() { # shows SHARE TEXT
	dfsctl share show "$1" -o json >"$work/said"
	grep -q -- "$2" "$work/said" || { cat "$work/said" >&2; e2e_die "share show $1 has no $2"; }
}

(umask 077 && openssl rand -hex 32 >"$work/key")
dfs start --config "$work/dfs.yaml" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
dfsctl login --server "http://127.0.0.1:$plane" --username admin --password a-first-password >/dev/null
dfsctl user change-password --current a-first-password --new another-password-1 >/dev/null
dfsctl store metadata add --name m --type leveldb >/dev/null
dfsctl store block local add --name l --type fs >/dev/null
refused "rot13" dfsctl store block remote add --name no --type fs --folder "$work/far" --encryption rot13
refused "DITTOFS_" dfsctl store block remote add --name no --type fs --folder "$work/far" \
	--encryption auto --encryption-passphrase-env HOME
dfsctl store block remote add --name sealed --type fs --folder "$work/far" --encryption auto \
	--compression zstd --encryption-key-file "$work/key" >/dev/null
dfsctl store block remote add --name other --type fs --folder "$work/other" \
	--encryption-aead xchacha20-poly1305 --encryption-passphrase-env DITTOFS_OTHER_PASSPHRASE >/dev/null
dfsctl adapter enable nfs --port "$nfs" >/dev/null

dfsctl share create --name /sealed --metadata m --local l --remote sealed --squash none >/dev/null
dfsctl share create --name /other --metadata m --local l --remote other --squash none \
	--compression zstd-1 >/dev/null
shows /sealed '"compression": *"zstd"'
shows /other '"encryption": *"xchacha20-poly1305"'
shows /other '"compression": *"zstd-1"'
if grep -q '"encryption": *"none"' <(dfsctl share show /sealed -o json); then
	e2e_die "/sealed is in the clear"
fi
refused "may not do with less" dfsctl share create --name /weak --metadata m --local l --remote sealed \
	--encryption none
refused "is used by 1 share" dfsctl store block remote edit sealed --folder "$work/far" --encryption none
echo "ok      shares take what their store asks for, and are refused with less"

clients sealed cold
clients other cold
keys=("$work"/far/*/keys)
[ -s "${keys[0]}/1=" ] || e2e_die "the wrapped key is not in the remote store"
[ -s "$(echo "$work"/other/*/keys/1=)" ] || e2e_die "that of the other store is not"
if grep -rq -- "$(cat "$work/key")" "$work/far" "$work/state" || grep -rq "a long passphrase" "$work/far" \
	"$work/other" "$work/state"; then
	e2e_die "a key or a passphrase lies on a disk"
fi
dfsctl share rotate-key /sealed >/dev/null
drained
[ -s "${keys[0]}/2=" ] || e2e_die "the second key is not in the remote store"
rm "${keys[0]}/1="
dfsctl share disable /sealed >/dev/null
dfsctl share enable /sealed >/dev/null
drained
[ -s "${keys[0]}/1=" ] || e2e_die "a lost copy was not put back"
echo "ok      both wrapped keys lie beside the containers"

# The key-encrypting key, while the share serves.
old=$(cat "$work/key")
before=$(cat "${keys[0]}"/* | sha256sum)
(umask 077 && { openssl rand -hex 32; echo "$old"; } >"$work/new" && mv "$work/new" "$work/key")
dfsctl share rewrap-keys /sealed -o json | grep -q '"rewrapped": *2' || e2e_die "not both were wrapped anew"
drained
[ "$(cat "${keys[0]}"/* | sha256sum)" != "$before" ] || e2e_die "the remote store has the old wrapping"
new=$(head -n 1 "$work/key")
echo "$new" >"$work/key"
dfsctl share disable /sealed >/dev/null
dfsctl share enable /sealed >/dev/null
echo "ok      a new key-encrypting key is taken without an interruption, and the old one may go"

# Another key in the second's place, as after a restore from an old backup: said, and not put over.
drained
cp "${keys[0]}/2=" "$work/second"
cp "${keys[0]}/1=" "${keys[0]}/2="
dfsctl share disable /sealed >/dev/null
dfsctl share enable /sealed >/dev/null
for ((i = 0; i < 100; i++)); do
	dfsctl share show /sealed -o json | grep -q '"degraded"' && break
	sleep 0.2
done
dfsctl share show /sealed -o json | grep -q "keys/2 there is another key" || e2e_die "another key is not told of"
cmp -s "${keys[0]}/1=" "${keys[0]}/2=" || e2e_die "another key was put over"
rm "${keys[0]}/2="
drained
for ((i = 0; i < 100; i++)); do
	[ -s "${keys[0]}/2=" ] && break
	dfsctl system drain-uploads >/dev/null
	sleep 0.2
done
cmp -s "$work/second" "${keys[0]}/2=" || e2e_die "the share's own key did not take its place"
dfsctl share show /sealed -o json | grep -q '"healthy"' || e2e_die "it is not well again"
echo "ok      another key in its place is kept and told of"

dfsctl store block remote doctor sealed | grep -q "can be read.*good" || e2e_die "the doctor does not see the key"
mv "$work/key" "$work/key.away"
refused "cannot open $work/key" dfsctl store block remote doctor sealed
dfsctl store block remote health --name sealed | grep -q "cannot open" || e2e_die "without its key the store is well"
mv "$work/key.away" "$work/key"
echo "ok      the doctor looks for what wraps the keys"

# The old key alone: that share is down, and says why; the others serve.
dfsctl share disable /sealed >/dev/null
echo "$old" >"$work/key"
refused "put its line back" dfsctl share enable /sealed
dfs stop --config "$work/dfs.yaml" >/dev/null
dfs start --config "$work/dfs.yaml" >"$work/out" 2>&1
S3_CLIENT_SEED=1 clients other cold
echo "$new" >"$work/key"
dfsctl share enable /sealed >/dev/null
S3_CLIENT_SEED=1 clients sealed cold
echo "ok      a wrong key is said, costs its share alone, and nothing was changed"
