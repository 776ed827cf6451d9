#!/bin/bash
# dfsctl keeps to what other systems have: it compiles without a word of GNU's, and no file but
# system.c includes what C11 and a plain POSIX lack.  --windows: what a compiler for Windows, where
# Debian has one, says to each file.
set -euo pipefail
cd "$(dirname "$0")/../.."
plain=' assert ctype errno fcntl inttypes limits locale math signal stdarg stdbool stddef stdint stdio'
plain+=' stdlib string strings sys/stat sys/types time unistd '
plain+=' curl/curl yaml '			# floors.tbl says whose
own_file=mgmt/ctl/system.c
bad=0
while IFS=: read -r file line header; do
	case $plain in *" ${header%.h} "*) continue ;; esac
	[ "$file" = $own_file ] && continue
	echo "$file:$line: <$header>: only $own_file may include that"
	bad=1
done < <(git ls-files 'mgmt/ctl/*.[ch]' | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' |
	sed 's/^\([^:]*\):\([0-9]*\):.*<\(.*\)>.*/\1:\2:\3/')
[ $bad = 0 ] || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --windows ]; then
	windows=$(command -v x86_64-w64-mingw32-gcc-win32 || command -v x86_64-w64-mingw32-gcc)
	mkdir "$work/include"
	# Of the libraries their headers alone: they are the same everywhere.
	for header in /usr/include/{jansson,jansson_config,yaml}.h /usr/include/*/jansson_config.h /usr/include/*/curl; do
		[ ! -e "$header" ] || ln -sf "$header" "$work/include/"
	done
	# Formats are C11's, by that macro, and its gcc looks for another library's.
	for file in mgmt/ctl/*.c mgmt/rest/json.c pipeline/base/{text,panic,clock}.c; do
		"$windows" -fsyntax-only -std=gnu17 -D__USE_MINGW_ANSI_STDIO=1 -Wall -Wextra -Werror -Wno-format -Wno-format-extra-args -I. -I"$work/include" \
			-DDFS_VERSION='"0"' -DDFS_SYSCONFDIR='"/etc"' -DDFS_LOCALSTATEDIR='"/var"' "$file" || bad=1
	done
	exit $bad
fi
CFLAGS='-O1 -Wall -Wextra -Werror' mgmt/deploy/dfsctl-alone.sh "$work/dfsctl"
"$work/dfsctl" --help >/dev/null
