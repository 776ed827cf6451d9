#!/bin/bash
# dist.sh BUILD: make dist holds every file that git knows, and what it holds builds by clang and
# installs.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?usage: dist.sh BUILD}" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

make -s -C "$build" dist >/dev/null
tar -xf "$build"/dittofs-*.tar.xz -C "$work"
rm -f "$build"/dittofs-*.tar.xz
missing=$(cd "$top" && git ls-files | while read -r file; do
	[ -e "$work"/dittofs-*/"$file" ] || echo "$file"
done)
[ -z "$missing" ] || { echo "not in the tarball:"; echo "$missing"; exit 1; }

mkdir "$work/build"
cd "$work/build"
../dittofs-*/configure -q CC=clang CFLAGS=-O0 --prefix=/usr
make -s -j "$(nproc)"
make -s install DESTDIR="$work/root" >/dev/null
"$work/root/usr/bin/dfs" version
[ -s "$work/root/usr/share/man/man8/dfs.8" ]
