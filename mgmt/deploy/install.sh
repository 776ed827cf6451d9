#!/bin/sh
# install.sh [--prefix DIR] [--no-service]: DittoFS on this machine, from this clone.
#
# On Debian and Ubuntu it makes the package and installs that.  Elsewhere it installs what the build
# needs where it knows the package manager (dnf, pacman, zypper), builds, and installs under --prefix
# (default /usr/local) with a systemd unit.  It asks sudo where it must be root, changes no settings
# that are there, and never touches what is in shares.  --no-service: neither user nor unit.
set -eu

usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
	exit "$1"
}

prefix='' service=1
while [ $# -gt 0 ]; do
	case $1 in
	--prefix) [ $# -ge 2 ] || usage 2; prefix=$2; shift ;;
	--no-service) service=0 ;;
	-h | --help) usage 0 ;;
	*) usage 2 ;;
	esac
	shift
done

say() { printf '== %s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "as root: $*"
	fi
}

[ "$(uname -s)" = Linux ] || die "the server runs on Linux; for dfsctl alone: mgmt/deploy/dfsctl-alone.sh PROGRAM"
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
case $prefix in '' | /*) ;; *) die "--prefix wants an absolute path" ;; esac

by_package() {
	out=$(mktemp -d)
	chmod 0755 "$out"
	say "making the package"
	mgmt/deploy/build-deb.sh "$out"
	say "installing it"
	as_root apt-get install -y "$out"/dittofs_*.deb
	rm -rf "$out"
}

needs() {
	if have apt-get; then
		mgmt/deploy/packages.sh build
	elif have dnf; then
		as_root dnf install -y gcc make autoconf automake pkgconf-pkg-config ck-devel leveldb-devel sqlite-devel \
			libcurl-devel libsodium-devel openssl-devel msgpack-devel libmicrohttpd-devel jansson-devel \
			libyaml-devel expat-devel libzstd-devel
	elif have zypper; then
		as_root zypper --non-interactive install gcc make autoconf automake pkg-config concurrencykit-devel \
			leveldb-devel sqlite3-devel libcurl-devel libsodium-devel libopenssl-devel msgpack-c-devel \
			libmicrohttpd-devel libjansson-devel libyaml-devel libexpat-devel libzstd-devel
	elif have pacman; then
		as_root pacman -S --needed --noconfirm base-devel ck curl expat jansson leveldb libmicrohttpd libsodium \
			libyaml msgpack-c openssl sqlite zstd
	else
		say "no package manager that is known here; configure will say what is missing"
	fi
}

by_hand() {
	dir=${prefix:-/usr/local}
	say "installing what the build needs"
	needs
	say "building"
	autoreconf -fi
	work=$(mktemp -d)
	(cd "$work" && "$top/configure" -q --prefix="$dir" --sysconfdir=/etc --localstatedir=/var && make -s)
	say "installing under $dir"
	as_root make -s -C "$work" install
	rm -rf "$work"
	[ "$service" = 1 ] || return 0
	say "the user dittofs, its settings and its unit"
	getent group dittofs >/dev/null || as_root groupadd -r dittofs
	getent passwd dittofs >/dev/null ||
		as_root useradd -r -g dittofs -d /var/lib/dittofs -M -s /usr/sbin/nologin dittofs
	[ -d /var/lib/dittofs ] || as_root install -d -m 0700 -o dittofs -g dittofs /var/lib/dittofs
	[ -e /etc/dittofs/config.yaml ] ||
		as_root install -D -m 0640 -o root -g dittofs mgmt/deploy/config.yaml /etc/dittofs/config.yaml
	unit=$(mktemp)
	sed "s|/usr/bin/dfs|$dir/bin/dfs|" mgmt/deploy/systemd/dittofs.service >"$unit"
	as_root install -D -m 0644 "$unit" /etc/systemd/system/dittofs.service
	rm -f "$unit"
	if [ -d /run/systemd/system ]; then
		as_root systemctl daemon-reload
		as_root systemctl enable --now dittofs
	fi
}

if [ -z "$prefix" ] && [ "$service" = 1 ] && have apt-get && have dpkg; then
	by_package
else
	by_hand
fi
say "done; next: mgmt/guide/first-share.md"
