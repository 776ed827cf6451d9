#!/bin/bash
# 37_one_file.sh [--quick] [BUILD]: a gateway in front of a bucket from one file of settings, without a control
# plane: credentials from a file, the secret that wraps keys from the environment; written, uploaded, killed,
# and read back cold.  Another share of the file has a remote store of its own, whose secret is the environment's.
set -euo pipefail
[ "${1:-}" != --quick ] || shift	# it is short as it is
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
[ -n "${S3_ENDPOINT:-}" ] || exec "$e2e_top/tests/s3/with_server.sh" "$e2e_top/tests/e2e/37_one_file.sh" "$@"
build=$(cd "${1:-$e2e_top}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dfs-one-file.XXXXXX")
export HOME=$work XDG_STATE_HOME=$work/state PATH=$build:$PATH
export DITTOFS_BUCKET_PASSPHRASE="a passphrase for this test" DITTOFS_REMOTES_B_2_SECRET_ACCESS_KEY=$S3_SECRET_KEY
nfs=$(port_free) metrics=$(port_free)
printf '[other]\naws_access_key_id = x\naws_secret_access_key = y\n[here]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
	"$S3_ACCESS_KEY" "$S3_SECRET_KEY" >"$work/credentials"
cat >"$work/dfs.yaml" <<END
state_dir: $work/state
carve_age: 1
logging: {level: debug}
nfs: {host: 127.0.0.1, port: $nfs}
metrics: {port: $metrics}
controlplane: {enabled: false}
remotes:
  - name: bucket
    type: s3
    server: ceph
    bucket: $S3_BUCKET
    region: $S3_REGION
    endpoint: $S3_ENDPOINT
    prefix: one-file-$RANDOM$RANDOM
    credentials_file: $work/credentials
    profile: here
    encryption: auto
    compression: zstd
    encryption_passphrase_env: DITTOFS_BUCKET_PASSPHRASE
  - name: b-2
    server: ceph
    bucket: $S3_BUCKET
    region: $S3_REGION
    endpoint: $S3_ENDPOINT
    prefix: two-$RANDOM$RANDOM
    access_key_id: $S3_ACCESS_KEY
shares:
  - {name: /sealed, remote: bucket, allow: [{hosts: "127.0.0.0/8", squash: none}]}
  - {name: /plain, remote: b-2, allow: [{hosts: "127.0.0.0/8", squash: none}]}
END
finish() {
	local status=$?
	dfs stop --force --config "$work/dfs.yaml" >/dev/null 2>&1 || true
	[ $status = 0 ] || tail -n 30 "$work"/state/*.log 2>/dev/null | sed 's/^/    /' >&2
	rm -rf "$work"
	exit $status
}
trap finish EXIT

dfs config validate --config "$work/dfs.yaml" >/dev/null
dfs start --config "$work/dfs.yaml" >/dev/null
cat >"$work/client.py" <<'END'
import random, sys, time, urllib.request
sys.path.insert(0, sys.argv[1] + "/tests/rest")
import nfs3
port, metrics, what = int(sys.argv[2]), sys.argv[3], sys.argv[4]
PIECE = 256 << 10
data = {f"/{s}": {f"f{i}": (b"a line that is sealed in one of the two %d\n" % i) * 9000 + random.Random(f"{s}{i}").randbytes(1 << 20)
        for i in range(4)} for s in ("sealed", "plain")}

def patient(call, *args):
    for _ in range(400):
        got = call(*args)
        if (got[0] if isinstance(got, tuple) else got) != nfs3.JUKEBOX:
            return got
        time.sleep(0.05)
    raise SystemExit("JUKEBOX for ever")

def meter(name):
    page = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read().decode()
    return sum(int(l.split()[-1]) for l in page.splitlines() if l.startswith("dittofs_" + name) and l[len("dittofs_" + name)] in " {")

for share, files in data.items():
    c = nfs3.Client(port, 0, 0)
    c.mount(share)
    for name, b in files.items():
        if what == "write":
            st, fh = patient(c.create, name)[:2]
            assert st == nfs3.OK, (share, name, st)
            for at in range(0, len(b), PIECE):
                st = patient(c.write, fh, b[at:at + PIECE], at, 2)
                assert (st[0] if isinstance(st, tuple) else st) == nfs3.OK, (share, name, at, st)
        else:
            st, fh = patient(c.lookup, name)[:2]
            assert st == nfs3.OK, (share, name, st)
            for at in range(0, len(b), PIECE):
                st, got = patient(c.read, fh, at, PIECE)[:2]
                assert st == nfs3.OK and got == b[at:at + PIECE], (share, name, at, st)
if what == "write":
    for _ in range(600):
        if meter("share_drained") == 2 and meter("upload_containers_total") >= 2:
            break
        time.sleep(0.1)
    else:
        raise SystemExit("the bucket has not all")
else:
    assert meter("cold_reads_total") > 0 and meter("share_keys") == meter("share_keys_in_remote") == 1
    page = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read().decode()
    calls = [int(l.split()[-1]) for l in page.splitlines() if l.startswith('dittofs_remote_call_seconds_bucket{store="file/bucket",call="get"')]
    assert len(calls) == 14 and calls == sorted(calls) and calls[-1] > 0, calls
END
client() { python3 "$work/client.py" "$e2e_top" "$nfs" "$metrics" "$1"; }
client write
if grep -rqF -e "$S3_SECRET_KEY" -e "$DITTOFS_BUCKET_PASSPHRASE" "$work/state"; then
	e2e_die "a secret lies on the disk"
fi
dfs stop --force --config "$work/dfs.yaml" >/dev/null
grep -rq "a line that is sealed" "$work/state/shares/plain/containers" || e2e_die "/plain is not in the clear"
if grep -rq "a line that is sealed" "$work/state/shares/sealed"; then
	e2e_die "/sealed is in the clear"
fi
rm "$work"/state/shares/*/containers/*
dfs start --config "$work/dfs.yaml" >/dev/null
client read
if [ -n "${S3_REQUESTS:-}" ]; then	# the bucket's list names each call, as the log does
	sed -n 's|^GET .*/c/.* dittofs/.* request/\(0x[0-9a-f]*\)$|request=\1 proc=nfs3.read|p' "$S3_REQUESTS" >"$work/asked"
	[ -s "$work/asked" ] || e2e_die "the bucket's list has no name of a GET"
fi
dfs stop --config "$work/dfs.yaml" >/dev/null
echo "ok      one file, two shares before a bucket: uploaded, killed, read back cold"
