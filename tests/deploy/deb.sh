#!/bin/bash
# deb.sh BUILD [WORK]: the Debian package, from the tree to its end on a machine, losing nothing.
#
# Builds it, makes a fresh bookworm with debootstrap, and there: installs it, serves with
# `dfs start --quick` as the package's user, upgrades under a running daemon, starts as the unit
# does, removes, purges, installs again.  A load that knows what must be there (crash_checker of
# BUILD) looks after each step.  What the daemon asks of the kernel is held against the unit's
# sandbox.  Needs root and a network.  Long: not a part of a bare tests/run.
#   WORK        folder that stays, with the packages; default: one that is removed
#   DEB_BASE    a bookworm made by debootstrap, to be copied instead of making one
#   DEB_FIRST   a package of the tree, instead of building one
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$top/tests/e2e/lib.sh"
build=$(cd "${1:?usage: deb.sh BUILD [WORK]}" && pwd)
[ "$(id -u)" = 0 ] || e2e_die "deb.sh: only root may enter another root"
"$top/mgmt/deploy/packages.sh" package
given=${2:-}
work=$given
if [ -n "$work" ]; then
	mkdir -p "$work"
	work=$(cd "$work" && pwd)
else
	work=$(mktemp -d "${TMPDIR:-/tmp}/dittofs-deb.XXXXXX")
fi
root=$work/root
quick=/var/lib/dittofs/quick
trace=$work/trace

say() { echo "== $*"; }
inside() { chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
# as_user COMMAND...: inside, as the package's user, as far as the unit says so
as_user() {
	inside setpriv --reuid dittofs --regid dittofs --clear-groups --no-new-privs --bounding-set=-all \
		--inh-caps=-all env HOME=/var/lib/dittofs "$@"
}
have() { [ -e "$root$1" ] || e2e_die "after $2: $1 is not there"; }
gone() { [ ! -e "$root$1" ] || e2e_die "after $2: $1 is still there"; }

finish() {
	local status=$?
	if [ -x "$root/usr/bin/dfs" ]; then
		as_user dfs stop --force --quick "$quick" >/dev/null 2>&1 || true
	fi
	[ -z "${unit_pid:-}" ] || kill "$unit_pid" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || true
	rm -rf "$root"
	[ -n "$given" ] || [ "$status" != 0 ] || rm -rf "$work"
	exit "$status"
}
trap finish EXIT

# --- packages ---
if [ -n "${DEB_FIRST:-}" ]; then
	first=$DEB_FIRST
else
	say "building the package"
	"$top/mgmt/deploy/build-deb.sh" "$work/out" >"$work/build.log" 2>&1 ||
		{ tail -n 30 "$work/build.log"; e2e_die "it does not build"; }
	first=$(ls "$work"/out/dittofs_*.deb)
fi
version=$(dpkg-deb -f "$first" Version)
say "the same under a higher version"
rm -rf "$work/newer"
dpkg-deb -R "$first" "$work/newer"
sed -i "s/^Version: .*/Version: $version.newer/" "$work/newer/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/newer" "$work/newer.deb" >/dev/null

# --- a machine ---
say "a fresh bookworm"
rm -rf "$root"
if [ -n "${DEB_BASE:-}" ]; then
	cp -a "$DEB_BASE" "$root"
else
	debootstrap --variant=minbase bookworm "$root" >"$work/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$work/debootstrap.log"; e2e_die "no bookworm"; }
fi
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"	# nobody starts services here
chmod +x "$root/usr/sbin/policy-rc.d"
cp "$first" "$root/tmp/first.deb"
cp "$work/newer.deb" "$root/tmp/newer.deb"
inside apt-get -qq update >"$work/apt.log" 2>&1

install_package() { # install_package FILE
	inside apt-get install -y -qq --no-install-recommends "/tmp/$1" >>"$work/apt.log" 2>&1 ||
		{ tail -n 30 "$work/apt.log"; e2e_die "apt does not install $1"; }
}

say "installing $version"
install_package first.deb
for path in /usr/bin/dfs /etc/dittofs/config.yaml /lib/systemd/system/dittofs.service \
	/usr/share/man/man8/dfs.8.gz /usr/share/man/man5/dfs.yaml.5.gz; do
	have "$path" "installing"
done
if [ -e "$build/dfsctl" ]; then
	have /usr/bin/dfsctl "installing"
	have /usr/share/man/man1/dfsctl.1.gz "installing"
	inside dfsctl --help >/dev/null
fi
[ "$(inside stat -c '%U:%G %a' /etc/dittofs/config.yaml)" = "root:dittofs 640" ] ||
	e2e_die "the settings' owner or mode is wrong"
[ "$(inside stat -c '%U:%G %a' /var/lib/dittofs)" = "dittofs:dittofs 700" ] ||
	e2e_die "the state folder's owner or mode is wrong"
inside dpkg-query -W -f='${Conffiles}' dittofs | grep -q ' /etc/dittofs/config.yaml ' ||
	e2e_die "the settings are not known as such to dpkg"
if command -v systemd-analyze >/dev/null; then
	systemd-analyze --root="$root" --man=no --recursive-errors=no verify \
		/lib/systemd/system/dittofs.service || e2e_die "systemd does not like the unit"
fi

# --- serving ---
nfs=$(port_free) metrics=$(port_free) rest=$(port_free)
settings=(DITTOFS_NFS_PORT="$nfs" DITTOFS_METRICS_PORT="$metrics" DITTOFS_CONTROLPLANE_PORT="$rest")
start() {
	as_user env "${settings[@]}" dfs start --quick "$quick" || e2e_die "it does not start"
	as_user env "${settings[@]}" dfs status --quick "$quick" | grep -q healthy ||
		e2e_die "it does not say that it is well"
}
stop() { as_user dfs stop --quick "$quick" >/dev/null; }
checker() { # checker load|verify OPTION...
	"$build/tests/bin/crash_checker" "$@" -q -j "$work/journals" -d data -w 2 "127.0.0.1:$nfs:/export"
}
rm -rf "$work/journals"
mkdir "$work/journals"

say "serving, as the package's user"
start
checker load -t 3
checker verify || e2e_die "what was written is not there"

say "upgrading under a running daemon, with settings that were changed"
echo "# kept" >>"$root/etc/dittofs/config.yaml"
install_package newer.deb
[ "$(inside dpkg-query -W -f='${Version}' dittofs)" = "$version.newer" ] || e2e_die "no upgrade"
grep -qx "# kept" "$root/etc/dittofs/config.yaml" || e2e_die "an upgrade took changed settings"
[ "$(inside stat -c '%U:%G %a' /etc/dittofs/config.yaml)" = "root:dittofs 640" ] ||
	e2e_die "an upgrade changed the settings' owner or mode"
checker verify || e2e_die "an upgrade disturbs what runs"
stop
start
checker verify || e2e_die "after an upgrade, what was written is not there"
stop

# --- the unit's command, in what of its sandbox there is without systemd ---
command=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/dittofs.service")
say "as the unit does: $command"
tracer=()
command -v strace >/dev/null && tracer=(strace -f -qq -o "$trace")
# shellcheck disable=SC2086 # a command with arguments
"${tracer[@]}" chroot "$root" setpriv --reuid dittofs --regid dittofs --clear-groups --no-new-privs \
	env HOME=/nonexistent "${settings[@]}" DITTOFS_ADMIN_INITIAL_PASSWORD=only-for-this-test \
	$command >"$work/unit.log" 2>&1 &
unit_pid=$!
server_wait "$rest"
grep -q 'dfs.ready' "$work/unit.log" || e2e_die "the unit's command does not say that it is ready"
have /var/lib/dittofs/controlplane.db "starting as the unit does"
as_user env HOME=/nonexistent dfs status | grep -q 'running, pid' ||
	e2e_die "dfs status does not find the package's settings by itself"
if [ -e "$build/dfsctl" ]; then
	say "a share by dfsctl"
	ctl() { inside env XDG_CONFIG_HOME=/tmp/ctl dfsctl "$@" >/dev/null || e2e_die "dfsctl $*"; }
	ctl login --server "http://127.0.0.1:$rest" --username admin --password only-for-this-test
	ctl store metadata add --name main --type leveldb
	ctl store block local add --name disk
	ctl share create --name /made --metadata main --local disk --squash none
	ctl adapter enable nfs --port "$nfs"
	server_wait "$nfs"
	rm -rf "$work/made"
	mkdir "$work/made"
	"$build/tests/bin/crash_checker" both -q -j "$work/made" -d data -w 2 -t 2 "127.0.0.1:$nfs:/made"
fi
daemon=$(cat "$root/var/lib/dittofs/dittofs.pid")
kill -TERM "$daemon"
wait "$unit_pid" || e2e_die "it does not end well at SIGTERM: $(tail -n 5 "$work/unit.log")"
unit_pid=
if [ ${#tracer[@]} -gt 0 ] && command -v systemd-analyze >/dev/null; then
	say "what it asked of the kernel, against the unit's sandbox"
	# Names in a set, sets within it resolved.
	names() {
		local name
		for name in $(systemd-analyze --no-pager syscall-filter "$1" | sed '1d; s/#.*//'); do
			case $name in @*) names "$name" ;; *) echo "$name" ;; esac
		done
	}
	names @privileged | sort -u >"$work/refused"
	names @system-service | sort -u | comm -23 - "$work/refused" >"$work/allowed"
	sed -n '/execve("\/usr\/bin\/dfs"/,$p' "$trace" | sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' |
		sort -u >"$work/used"
	[ -s "$work/used" ] || e2e_die "no trace"
	comm -23 "$work/used" "$work/allowed" >"$work/outside"
	[ ! -s "$work/outside" ] || e2e_die "the unit's SystemCallFilter refuses: $(tr '\n' ' ' <"$work/outside")"
	if sed -n '/execve("\/usr\/bin\/dfs"/,$p' "$trace" |
		grep -E 'socket\(' | grep -vE 'socket\(AF_(INET6?|UNIX),'; then
		e2e_die "RestrictAddressFamilies refuses that"
	fi
	if sed -n '/execve("\/usr\/bin\/dfs"/,$p' "$trace" |
		grep -E 'mprotect\(.*PROT_EXEC|mmap\(.*PROT_WRITE\|PROT_EXEC'; then
		e2e_die "MemoryDenyWriteExecute refuses that"
	fi
	say "$(wc -l <"$work/used") calls used, all allowed"
fi

# --- its end ---
say "removing"
inside apt-get remove -y -qq dittofs >>"$work/apt.log" 2>&1
gone /usr/bin/dfs "removing"
have /etc/dittofs/config.yaml "removing"
have "$quick/export/share" "removing"
say "purging"
inside apt-get purge -y -qq dittofs >>"$work/apt.log" 2>&1
gone /etc/dittofs/config.yaml "purging"
have "$quick/export/share" "purging"
say "installing again"
install_package newer.deb
start
checker verify || e2e_die "after purge and a new installation, what was written is not there"
stop
echo "deb: built, installed, upgraded, removed, purged, installed again: all data is there"
