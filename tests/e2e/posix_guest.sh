#!/bin/bash
# posix_guest.sh PROGRAM [WORD...]: the POSIX suite on the mounted export, in the guest.
set -euo pipefail
# shellcheck source=tests/e2e/lib_guest.sh
. "$E2E_TOP/tests/e2e/lib_guest.sh"
mount_at /mnt/a
DFS_TEST_DIR=/mnt/a DFS_TEST_FS=nfs3 "$@"
umount /mnt/a
