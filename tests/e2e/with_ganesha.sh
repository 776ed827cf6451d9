#!/bin/bash
# with_ganesha.sh DIR COMMAND [ARG...] - run COMMAND beside an nfs-ganesha that serves DIR.
#
# A peer to prove the suites against: what a test demands of us should hold there too, or the test
# says why not.  Server and command live in network, mount and process namespaces of their own and
# end together.  DIR is exported as /export, and read-only as /export-ro (an empty /other stands beside it), on 127.0.0.1:2049, the
# mount protocol on port 20048.  In COMMAND's environment:
#   DFS_TEST_NFS=127.0.0.1:2049:/export   DFS_TEST_MOUNT_PORT=20048   DFS_TEST_NFS_RO=/export-ro and the like
#   DFS_TEST_RESTART="kill" and "restart" script of the peer   DFS_TEST_SERVER_PID=pid
set -euo pipefail

if [ "${DFS_PEER_INSIDE:-}" = "" ]; then
	[ $# -ge 2 ] || { echo "usage: with_ganesha.sh DIR COMMAND [ARG...]" >&2; exit 2; }
	[ "$(id -u)" = 0 ] || { echo "with_ganesha.sh: must be root" >&2; exit 77; }
	command -v ganesha.nfsd rpcbind >/dev/null ||
		{ echo "with_ganesha.sh: install nfs-ganesha-vfs and rpcbind" >&2; exit 77; }
	DFS_PEER_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child=KILL --mount-proc \
		bash "$0" "$@"
fi

dir=$(realpath "$1"); shift
run=$(mktemp -d "${TMPDIR:-/tmp}/ganesha.XXXXXX")
# shellcheck disable=SC2317 # called by the trap
finish() {
	local pid
	if pid=$(cat /run/ganesha.pid 2>/dev/null) && kill -TERM "$pid" 2>/dev/null; then
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
		kill -KILL "$pid" 2>/dev/null
	fi
	umount -l /mnt/other /var/lib/nfs 2>/dev/null
	rm -rf "$run"
}
trap finish EXIT
ip link set lo up
# Private /run, and one path with two names for the two exports.
mount -t tmpfs tmpfs /run
mkdir -p /run/ganesha /run/rpcbind /run/export-ro "$run/state"
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/export /mnt/export-ro /mnt/other "$run/other"
mount --bind "$dir" /mnt/export
mount --bind "$dir" /mnt/export-ro
mount --bind "$run/other" /mnt/other
mount --bind "$run/state" /var/lib/nfs 2>/dev/null || true
mkdir -p /var/lib/nfs/ganesha
rpcbind -w

cat >"$run/ganesha.conf" <<END
NFS_CORE_PARAM { NFS_Port = 2049; MNT_Port = 20048; Enable_NLM = false; Enable_RQUOTA = false;
	Protocols = 3, 4; mount_path_pseudo = true; }
NFSV4 { Graceless = true; }
EXPORT { Export_Id = 1; Path = /mnt/export; Pseudo = /export; Access_Type = RW;
	Squash = No_Root_Squash; SecType = sys, none; FSAL { Name = VFS; } }
EXPORT { Export_Id = 2; Path = /mnt/export-ro; Pseudo = /export-ro; Access_Type = RO;
	Squash = No_Root_Squash; SecType = sys, none; FSAL { Name = VFS; } }
EXPORT { Export_Id = 3; Path = /mnt/other; Pseudo = /other; Access_Type = RW;
	Squash = No_Root_Squash; SecType = sys, none; FSAL { Name = VFS; } }
END
cat >"$run/restart" <<END
#!/bin/bash
# restart [kill]: end the server (with kill: at once) and start it again.
if [ -s /run/ganesha.pid ]; then
	pid=\$(cat /run/ganesha.pid)
	kill \$([ "\${1:-}" = kill ] && echo -KILL || echo -TERM) "\$pid"
	while kill -0 "\$pid" 2>/dev/null; do sleep 0.05; done
fi
rm -f /run/ganesha.pid
ganesha.nfsd -f "$run/ganesha.conf" -L "$run/log" -p /run/ganesha.pid -N NIV_WARN >/dev/null 2>&1
for i in \$(seq 200); do
	if (exec 3<>/dev/tcp/127.0.0.1/2049) 2>/dev/null && rpcinfo -t 127.0.0.1 100003 3 >/dev/null 2>&1
	then exit 0; fi
	sleep 0.1
done
tail -n 20 "$run/log" >&2
exit 1
END
chmod +x "$run/restart"
"$run/restart"
export DFS_TEST_NFS=127.0.0.1:2049:/export DFS_TEST_MOUNT_PORT=20048 DFS_TEST_PMAP_PORT=111
export DFS_TEST_NFS_RO=/export-ro DFS_TEST_NFS_OTHER=/other DFS_TEST_RESTART="$run/restart"
DFS_TEST_SERVER_PID=$(cat /run/ganesha.pid)
export DFS_TEST_SERVER_PID
status=0
"$@" || status=$?
[ "$status" = 0 ] || [ -z "${DFS_PEER_LOG:-}" ] || cat "$run/log" >&2
exit "$status"
