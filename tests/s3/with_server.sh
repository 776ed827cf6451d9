#!/bin/bash
# with_server.sh COMMAND...: run it with a small S3 server of our own behind S3_ENDPOINT and the
# other names that the tests of the s3 store read.  Where S3_ENDPOINT is set, that one is used.
set -euo pipefail
[ -z "${S3_ENDPOINT:-}" ] || exec "$@"
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
export S3_ACCESS_KEY=TESTACCESSKEY S3_SECRET_KEY=test/secret+key S3_REGION=us-east-1 S3_BUCKET=suite
export S3_REQUESTS=$dir/requests
python3 "$here/server.py" "$dir/port" 2>"$dir/log" &
server=$!
export S3_SERVER_PID=$server
trap 'kill -CONT $server 2>/dev/null || true; kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do
	[ -s "$dir/port" ] && break
	sleep 0.1
done
[ -s "$dir/port" ] || { cat "$dir/log" >&2; exit 1; }
export S3_ENDPOINT="http://127.0.0.1:$(cat "$dir/port")"
"$@"
