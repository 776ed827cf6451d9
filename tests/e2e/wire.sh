#!/bin/bash
# wire.sh [BUILD] [WORD...]: the wire suite against our own server, or the one DFS_TEST_NFS names.
set -euo pipefail
build=${1:-.}
shift || true
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
server_begin "$build"
# A case that is left early leaks what it held: leaks are looked for in the server alone.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" "$build/tests/bin/nfs3_wire" "$@"
