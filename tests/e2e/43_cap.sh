#!/bin/bash
# 43_cap.sh [--quick] [BUILD]: a bucket that is gone for long, before a share whose local store is
# bounded: slower, then JUKEBOX, never an error; all is sent once it is back.
set -euo pipefail
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; }
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top}" && pwd)
exec "$top/tests/s3/with_server.sh" python3 "$top/tests/e2e/cap.py" "$build" $quick
