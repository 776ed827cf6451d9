#!/bin/bash
# packages.sh: everything that ships is read by whatever Debian has to read it; one line each says
# what was checked by which tool, or skipped for lack of it.  As TAP.
#
# What takes longer is done by commands of its own: deb.sh (the Debian package on a fresh machine),
# image.py (the Dockerfile's steps), rpm.sh (the rpm, built).
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d "${TMPDIR:-/tmp}/packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
n=0 bad=0
deploy=mgmt/deploy
version=$(sed -n 's/^AC_INIT(\[dittofs\], \[\(.*\)\])$/\1/p' configure.ac)

# check WHAT TOOL COMMAND...
check() {
	local what=$1 tool=$2
	shift 2
	n=$((n + 1))
	if ! command -v "$tool" >/dev/null; then
		echo "ok $n - $what # SKIP $tool is not installed"
	elif "$@" >"$work/out" 2>&1; then
		echo "ok $n - $what, by $tool"
	else
		bad=$((bad + 1))
		echo "not ok $n - $what, by $tool"
		tail -n 20 "$work/out" | sed 's/^/# /'
	fi
}

same_version() { # same_version FILE SED-SCRIPT
	local said
	said=$(sed -n "$2" "$1" | head -n 1)
	[ "$said" = "$version" ] || { echo "$1 says version \"$said\", configure.ac \"$version\""; return 1; }
}

# What a configure that lacks something would ask for, as names of pkg-config, is in the package.
needs() { # needs FILE NAME-IN-FILE...
	local file=$1 name failed=0
	shift
	for name; do
		grep -q "$name" "$file" || { echo "$file does not ask for $name"; failed=1; }
	done
	return $failed
}
libraries=(ck jansson libcurl libmicrohttpd libsodium sqlite leveldb msgpack openssl expat zstd yaml)

check "Kubernetes manifests and Compose file, fields and references" python3 python3 tests/deploy/manifests.py
yaml_rules='{extends: relaxed, rules: {line-length: disable, document-start: disable, key-duplicates: enable}}'
# shellcheck disable=SC2046 # a word a file
check "YAML" yamllint yamllint -s -d "$yaml_rules" $(git ls-files "$deploy/*.yaml")
check "Compose file" docker-compose env DITTOFS_ADMIN_INITIAL_PASSWORD=x docker-compose -f $deploy/docker/compose.yaml config -q
for script in install.sh dfsctl-alone.sh build-deb.sh packages.sh; do
	check "$deploy/$script" shellcheck shellcheck -x "$deploy/$script"
done
check "install.sh takes no word that it does not know" sh bash -c "$deploy/install.sh --no-such 2>/dev/null; [ \$? = 2 ]"
check "the Dockerfile's steps are words that image.py knows" python3 python3 tests/deploy/image.py --parse

# --- rpm ---
check "rpm spec" rpmspec rpmspec -q --qf '%{name}-%{version}\n' $deploy/rpm/dittofs.spec
check "rpm spec, by its rules" rpmlint bash -c "rpmlint $deploy/rpm/dittofs.spec | tee '$work/rpm' | grep -q ' 0 errors' || { cat '$work/rpm'; exit 1; }"
check "rpm spec: version" sed same_version $deploy/rpm/dittofs.spec 's/^Version: *//p'
check "rpm spec: what the build needs" grep needs $deploy/rpm/dittofs.spec "${libraries[@]}"

# --- Arch ---
pkgbuild() {
	local failed=0 name
	(
		set -e
		# shellcheck disable=SC1091 # the file that is checked
		. "./$deploy/arch/PKGBUILD"
		for name in pkgname pkgver pkgrel pkgdesc url; do
			[ -n "${!name}" ] || { echo "no $name"; exit 1; }
		done
		[[ $pkgver =~ ^[a-z0-9.+]+$ && $pkgrel =~ ^[0-9]+$ ]] || { echo "pkgver or pkgrel"; exit 1; }
		[ "${#source[@]}" = "${#sha256sums[@]}" ] || { echo "sources and sums differ in number"; exit 1; }
		[ "${#license[@]}" -gt 0 ] && [ "${#arch[@]}" -gt 0 ] && [ "${#depends[@]}" -gt 0 ] || { echo "license, arch, depends"; exit 1; }
		[ -e "$deploy/arch/$install" ] || { echo "no $install"; exit 1; }
		for name in "${backup[@]}"; do
			case $name in /*) echo "backup begins with /"; exit 1 ;; esac
		done
		declare -F build package >/dev/null || { echo "no build or package"; exit 1; }
	) || failed=1
	# What package() writes lies under pkgdir; what it installs from is in the tree.
	if sed -n '/^package()/,/^}/p' $deploy/arch/PKGBUILD | grep -E '^[[:space:]]+(install|make)' | grep -vq '\$pkgdir'; then
		echo "package() writes beside \$pkgdir"
		failed=1
	fi
	for name in $(grep -oE 'mgmt/deploy/[a-z./]+' $deploy/arch/PKGBUILD); do
		[ -e "$name" ] || { echo "no $name"; failed=1; }
	done
	return $failed
}
check "PKGBUILD" bash bash -n $deploy/arch/PKGBUILD
check "PKGBUILD, its shell" shellcheck shellcheck -s bash -e SC2034,SC2154,SC2164 $deploy/arch/PKGBUILD $deploy/arch/dittofs.install
check "PKGBUILD, its fields and folders" bash pkgbuild
check "PKGBUILD: version" sed same_version $deploy/arch/PKGBUILD 's/^pkgver=//p'
check "PKGBUILD: what the build needs" grep needs $deploy/arch/PKGBUILD ck jansson curl libmicrohttpd libsodium sqlite leveldb msgpack openssl expat zstd libyaml
check "PKGBUILD, by its rules" namcap namcap $deploy/arch/PKGBUILD

# --- Homebrew, Nix ---
check "Homebrew formula" ruby ruby -wc $deploy/homebrew/dfsctl.rb
check "Homebrew formula: version" sed same_version $deploy/homebrew/dfsctl.rb 's/^  version "\(.*\)"/\1/p'
alone() {
	local shell
	$deploy/dfsctl-alone.sh "$work/dfsctl" && "$work/dfsctl" --help >/dev/null || return 1
	for shell in bash zsh fish; do
		"$work/dfsctl" completion $shell >"$work/completion" && grep -q dfsctl "$work/completion" || return 1
	done
}
check "dfsctl alone, as the formula builds it" cc alone
check "dfsctl's sources, for Windows" x86_64-w64-mingw32-gcc-win32 tests/lint/ctl.sh --windows
page() { mgmt/guide/man/make.sh mgmt/guide/man/dfsctl.1.in mgmt/ctl/command.def mgmt/ctl/flag.def >"$work/dfsctl.1" && mandoc -Tlint -W warning "$work/dfsctl.1"; }
check "dfsctl's page, as the formula makes it" mandoc page
check "Nix flake" nix-instantiate nix-instantiate --parse $deploy/nix/flake.nix
check "Nix flake: version" sed same_version $deploy/nix/flake.nix 's/^ *version = "\(.*\)";/\1/p'
check "Nix flake: what the build needs" grep needs $deploy/nix/flake.nix ck jansson curl libmicrohttpd libsodium sqlite leveldb msgpack openssl expat zstd yaml

# --- Debian, systemd ---
check "Debian control: what the build needs" grep needs $deploy/debian/control $(sed -n 's/^build: //p' tests/packages | tr ' ' '\n' | grep -E '^lib.*-dev$' | grep -v '^libc6-dev$')
unit() {
	mkdir -p "$work/root/usr/bin" "$work/root/etc/systemd/system"
	printf '#!/bin/sh\n' >"$work/root/usr/bin/dfs"
	chmod +x "$work/root/usr/bin/dfs"
	cp $deploy/systemd/dittofs.service "$work/root/etc/systemd/system/"
	SYSTEMD_UNIT_PATH=$work/root/etc/systemd/system: systemd-analyze --man=no --root="$work/root" --recursive-errors=no verify dittofs.service
}
check "systemd unit" systemd-analyze unit
echo "1..$n"
[ $bad = 0 ]
