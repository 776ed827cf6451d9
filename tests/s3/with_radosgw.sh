#!/bin/bash
# with_radosgw.sh [--tls] COMMAND...: run it beside a Ceph of its own (radosgw.sh), which S3_ENDPOINT
# and its like name then.  Where S3_ENDPOINT is set, that one is used.  77: Ceph is not installed.
set -euo pipefail
tls=0
[ "${1:-}" != --tls ] || { tls=1; shift; }
[ -z "${S3_ENDPOINT:-}" ] || exec "$@"
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/dfs-radosgw.XXXXXX")
unset S3_REQUESTS S3_SERVER_PID		# of our small server, which this is not
setpriv --pdeathsig TERM "$here/radosgw.sh" "$dir" &
server=$!
finish() {
	kill $server 2>/dev/null || true
	wait $server 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
until [ -s "$dir/env" ]; do
	kill -0 $server 2>/dev/null || { wait $server; exit 1; }
	sleep 0.1
done
# shellcheck disable=SC1091
. "$dir/env"
[ $tls = 0 ] || S3_ENDPOINT=$S3_TLS_ENDPOINT
"$@"
