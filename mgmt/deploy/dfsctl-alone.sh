#!/bin/sh
# dfsctl-alone.sh PROGRAM: build dfsctl and nothing else, where the server cannot be built (macOS)
# or need not be.  Wants libcurl, jansson and libyaml.  CC, CFLAGS and LDFLAGS count.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: dfsctl-alone.sh PROGRAM}
case $out in /*) ;; *) out=$(pwd)/$out ;; esac
cd "$top"
version=$(sed -n 's/^AC_INIT(\[dittofs\], \[\(.*\)\])$/\1/p' configure.ac)
libraries="libcurl jansson yaml-0.1"
# shellcheck disable=SC2046,SC2086 # words, all of them
exec ${CC:-cc} -std=c17 -D_XOPEN_SOURCE=700 -D_DARWIN_C_SOURCE -I. -DDFS_VERSION="\"$version\"" \
	-DDFS_SYSCONFDIR='"/etc"' -DDFS_LOCALSTATEDIR='"/var"' $(pkg-config --cflags $libraries) ${CFLAGS:--O2} \
	mgmt/ctl/*.c mgmt/rest/json.c pipeline/base/text.c pipeline/base/panic.c pipeline/base/clock.c \
	${LDFLAGS:-} $(pkg-config --libs $libraries) -o "$out"
