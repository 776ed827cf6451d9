#!/bin/bash
# reference.sh [--quick] [BUILD]: the quick start of the product whose commands we keep, typed as it
# is written there from `dfs init` on, with its own ports, against an S3 server of ours; prompts are answered by expect.  Then
# the kernel's client mounts and writes, as root mounts and the user writes.  Then `dfs start
# --quick` until the first write through a mount.  Without --quick, a second time over a restart.
#
# In network and mount namespaces of its own, so that its ports are free.  As root.
set -euo pipefail
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; }
build=$(cd "${1:-.}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "as root: the kernel's client mounts"; exit 77; }
if [ -z "${REFERENCE_INSIDE:-}" ]; then
	REFERENCE_INSIDE=1 exec unshare --net --mount "$0" $([ $quick = 0 ] || echo --quick) "$build"
elif [ "$REFERENCE_INSIDE" = 1 ]; then
	ip link set lo up
	REFERENCE_INSIDE=2 exec "$top/tests/s3/with_server.sh" "$0" $([ $quick = 0 ] || echo --quick) "$build"
fi
who=games
home=$(mktemp -d)
cp "$build/dfs" "$build/dfsctl" "$home"
chmod 755 "$home"
chown -R $who "$home"
trap 'as ./dfs stop >/dev/null 2>&1 || true; as ./dfs stop --quick "$home/q" >/dev/null 2>&1 || true; rm -rf "$home"' EXIT
as() { (cd "$home" && runuser -u $who -- env -i HOME="$home" PATH="$PATH" XDG_STATE_HOME="$home/state" "$@"); }
die() { printf 'FAILED  %s\n' "$*"; [ ! -e "$home/out" ] || tail -n 20 "$home/out"; exit 1; }
steps=0
say() { steps=$((steps + 1)); printf 'ok      %s\n' "$*"; }
# typed LINE [PROMPT ANSWER]...: as that user, at a terminal, answering in that order.
typed() {
	local line=$1
	shift
	{
		echo 'set timeout 30'
		printf 'spawn -noecho sh -c {%s}\n' "$line"
		while [ $# -gt 0 ]; do
			printf 'expect {\n timeout { exit 97 }\n eof { exit 98 }\n -ex {%s} { send -- {%s}; send "\\r" }\n}\n' "$1" "$2"
			shift 2
		done
		echo 'expect { timeout { exit 96 } eof { } }'
		echo 'catch wait result; exit [lindex $result 3]'
	} >"$home/script"
	as expect -f "$home/script" >"$home/out" 2>&1 || die "$line: $?"
	say "$line"
}
# mounted PORT LINE: in a kernel, with the share of localhost mounted by the options below; LINE
# runs as that user.  Where this machine's kernel may not mount, a kernel in user mode does.
mounted() {
	local uid
	uid=$(id -u $who)
	"$top/tests/kclient/kclient" run --timeout 150 --forward "$1" -- bash -ec "
		mkdir -p /mnt/nfs
		mount -t nfs -o \"\$0,port=$1,mountport=$1\" \$KC_SERVER:/export /mnt/nfs
		setpriv --reuid $uid --regid $uid --clear-groups bash -ec '$2'
		umount /mnt/nfs" "vers=3,tcp,nolock,mountproto=tcp" >"$home/out" 2>&1
}

typed "./dfs init"
typed "./dfs start"
password=$(sed -n 's/.*user admin, password \([A-Za-z0-9]*\) .*/\1/p' "$home/out")
[ ${#password} = 20 ] || die "no first password was shown"
typed "./dfsctl login --server http://localhost:8080 --username admin" "Password: " "$password"
typed "./dfsctl user change-password" "Current password: " "$password" \
	"New password: " good-enough-1 "New password again: " good-enough-1
typed './dfsctl user create --username $(whoami) --host-uid' "cannot log in): " "long enough" \
	"Password again: " "long enough"
typed "./dfsctl store metadata add --name default --type badger" "Folder" ""
typed "./dfsctl store block local add --name local-cache --type fs" "Folder" ""
cat >"$home/share.sh" <<'END'
./dfsctl share create --name /export --metadata default \
--local local-cache --remote s3-remote
END
typed "./dfsctl store block remote add --name s3-remote --type s3" "Bucket: " "$S3_BUCKET" \
	"Region [us-east-1]: " "" "Endpoint [AWS]: " "$S3_ENDPOINT" "Access key: " "$S3_ACCESS_KEY" \
	"Secret key: " "$S3_SECRET_KEY"
as sh share.sh >"$home/out" 2>&1 || die "share create"
as ./dfsctl share show /export >"$home/out" 2>&1 || die "share create"
say "$(tr -d '\\\n' <"$home/share.sh")"
typed './dfsctl share permission grant /export --user $(whoami) --level read-write'
typed "./dfsctl adapter enable nfs"
mounted 12049 'echo "Hello DittoFS!" > /mnt/nfs/hello.txt' || die "mounting and writing"
say "mount; echo \"Hello DittoFS!\" > /mnt/nfs/hello.txt"
if [ $quick = 0 ]; then
	typed "./dfs stop"
	typed "./dfs start"
	mounted 12049 'grep -qx "Hello DittoFS!" /mnt/nfs/hello.txt' || die "after a restart it is not there"
	say "after a restart it is there"
fi
typed "./dfs stop"

began=$(date +%s%N)
as ./dfs start --quick "$home/q" >"$home/out" 2>&1 || die "dfs start --quick"
mounted 12049 'echo at once > /mnt/nfs/first.txt' || die "the first write to --quick"
took=$((($(date +%s%N) - began) / 100000000))
as ./dfs stop --quick "$home/q" >/dev/null
echo "$steps steps, S3 behind it; --quick to a mounted write in $((took / 10)).$((took % 10)) s (bar: 60)"
[ $took -lt 600 ]
