#!/bin/bash
# 45_tree.sh [--quick] [BUILD]: a tree of 1 GiB (64 MiB), a copy of it, an edited one, in bytes that the
# bucket counts.  S3_ENDPOINT and its like name the server, else our small one, which keeps all in memory.
set -euo pipefail
mib=1024
[ "${1:-}" != --quick ] || { mib=64; shift; }
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top}" && pwd)
exec "$top/tests/s3/with_server.sh" python3 "$top/tests/e2e/tree.py" "$build" $mib
