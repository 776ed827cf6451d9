#!/bin/bash
# Every header stands alone: it compiles as the only include of an empty file.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${CC:=cc}"
flags="-std=gnu17 -D_GNU_SOURCE -I. $(pkg-config --cflags ck libsodium openssl msgpack 2>/dev/null)"
# What configure writes is not there in a bare clone; here it may be empty.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/config.h"
flags="$flags -I$scratch"
export CC flags
git ls-files -- '*.h' | xargs -P 2 -I{} sh -c \
	'printf "#include \"%s\"\n" {} | $CC $flags -Wall -Werror -fsyntax-only -x c - || { echo "{}: does not stand alone"; exit 1; }'
