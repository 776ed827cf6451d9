#!/bin/bash
# 40_s3.sh [--quick] [--only PART] [BUILD]: a share with a remote store, through the control plane,
# with a client on the wire: written, drained, local containers dropped, all read back cold and
# compared (cold); how many PUTs small files cost (small); the remote away under load, writers going
# on, and recovery by itself (away).
#
# Remote: a folder (fs), and S3: the server that S3_ENDPOINT and its like name, else our small one.
set -euo pipefail
quick=0 parts="cold small away"
[ "${1:-}" != --quick ] || { quick=1; shift; }
[ "${1:-}" != --only ] || { parts=$2; shift 2; }
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
if [ -z "${S3_ENDPOINT:-}" ]; then
	[ "$parts" = "cold small away" ] || set -- --only "$parts" "$@"
	[ $quick = 0 ] || set -- --quick "$@"
	exec "$e2e_top/tests/s3/with_server.sh" "$e2e_top/tests/e2e/40_s3.sh" "$@"
fi
build=$(cd "${1:-$e2e_top}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dfs-s3.XXXXXX")
export HOME=$work XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state PATH=$build:$PATH
export DITTOFS_ADMIN_INITIAL_PASSWORD=a-first-password
mkdir -p "$work/config" "$work/state" "$work/far"
nfs=$(port_free) plane=$(port_free)
cat >"$work/dfs.yaml" <<END
state_dir: $work/state
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
		tail -n 30 "$work"/state/*.log "$work/dfs.log" 2>/dev/null | sed 's/^/    /' >&2
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT

dfs start --config "$work/dfs.yaml" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
dfsctl login --server "http://127.0.0.1:$plane" --username admin --password a-first-password >/dev/null
dfsctl user change-password --current a-first-password --new another-password-1 >/dev/null
dfsctl store metadata add --name m --type leveldb --config '{}' >/dev/null
dfsctl store block local add --name l --type fs --config '{}' >/dev/null
dfsctl store block remote add --name folder --type fs --folder "$work/far" >/dev/null
dfsctl store block remote add --name bucket --type s3 --endpoint "$S3_ENDPOINT" --region "$S3_REGION" \
	--bucket "$S3_BUCKET" --prefix "e2e-$RANDOM$RANDOM" --access-key "$S3_ACCESS_KEY" \
	--secret-key "$S3_SECRET_KEY" --config "{\"server\":\"ceph\"${S3_CA:+,\"ca_file\":\"$S3_CA\"}}" \
	>/dev/null
if grep -raq -- "$S3_SECRET_KEY" "$work/state"; then
	e2e_die "the secret lies on the disk"
fi
dfsctl store block remote list -o json | grep -q -- "$S3_SECRET_KEY" && e2e_die "the secret is shown"
dfsctl store block remote doctor bucket
dfsctl adapter enable nfs --port "$nfs" >/dev/null
echo "ok      stores are named, the doctor is content, no secret in the clear"

for remote in folder bucket; do
	dfsctl share create --name "/$remote" --metadata m --local l --remote $remote \
		--squash none >/dev/null
	# shellcheck disable=SC2086
	python3 "$e2e_top/tests/e2e/s3_client.py" "$nfs" "$remote" "$work" $quick $parts
done
echo "ok      all"
