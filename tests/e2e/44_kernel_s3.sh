#!/bin/bash
# 44_kernel_s3.sh [--quick] [BUILD]: a Linux kernel's workloads on a share with a bucket behind it,
# then all compared from the bucket alone.  S3_ENDPOINT and its like name the server, else our small one.
set -euo pipefail
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; }
[ "$(id -u)" = 0 ] || { echo "needs root for the guest's kernel" >&2; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top}" && pwd)
exec "$top/tests/s3/with_server.sh" python3 "$top/tests/e2e/kernel_s3.py" "$build" $quick
