#!/bin/bash
# 20_posix.sh [--quick] [BUILD]: our POSIX suite over a Linux kernel's NFSv3 mount.
#
# Against our own server or the one DFS_TEST_NFS names.  E2E_NATIVE=DIR runs it in a local folder
# instead, without a server.
set -euo pipefail
[ "${1:-}" != --quick ] || shift
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 77; }
build=$(cd "${1:-$e2e_top}" && pwd)
if [ -n "${E2E_NATIVE:-}" ]; then
	DFS_TEST_DIR=$(realpath "$E2E_NATIVE") exec "$build/tests/bin/posix_suite"
fi
server_begin "$build"
guest_run "${E2E_TIMEOUT:-600}" "$e2e_top/tests/e2e/posix_guest.sh" "$build/tests/bin/posix_suite"
