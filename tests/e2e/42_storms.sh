#!/bin/bash
# 42_storms.sh [--quick] [BUILD [STORM...]]: a share beside a bucket that answers with errors, hangs,
# loses, cuts, garbles, is slow, refuses our keys, is gone; what each storm was like, a line each.
# The server is the one that S3_ENDPOINT and its like name, else our small one.
set -euo pipefail
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; }
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top}" && pwd)
shift || true
exec "$top/tests/s3/with_server.sh" python3 "$top/tests/e2e/storms.py" "$build" $quick "$@"
