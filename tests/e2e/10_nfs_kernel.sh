#!/bin/bash
# 10_nfs_kernel.sh [--quick] [BUILD]: what a Linux kernel's NFSv3 client must be able to do.
#
# An archive of more than 5,000 files unpacked and compared, git clone and fsck, SQLite with
# synchronous=FULL, two mounts close-to-open, 100,000 names in one directory, storms of hard links
# and renames; with nconnect 1 and 4.  Against our own server or the one DFS_TEST_NFS names.
set -euo pipefail
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; }
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "needs root for the guest's kernel" >&2; exit 77; }
server_begin "${1:-$e2e_top}"
for nconnect in 1 4; do
	echo "== nconnect=$nconnect"
	guest_run "${E2E_TIMEOUT:-1200}" "$e2e_top/tests/e2e/nfs_kernel_guest.sh" "$nconnect" "$quick"
done
