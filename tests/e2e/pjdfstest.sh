#!/bin/bash
# pjdfstest.sh [BUILD]: pjdfstest over a kernel mount of our daemon.  The suite is no part of this
# project: PJDFSTEST names a folder where it is built (static, so that its many processes start
# fast).  Fails on any test that known_failures/pjdfstest.txt does not list with its reason.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"
if [ ! -x "${PJDFSTEST:-}/pjdfstest" ]; then
	echo "not run: PJDFSTEST names no folder with a built pjdfstest"
	exit 77
fi
server_begin "${1:-$e2e_top}"
port=${DFS_TEST_NFS#*:}
port=${port%%:*}
out=$(mktemp)
"$e2e_top/tests/kclient/kclient" run --timeout 7200 --forward "$port" --env "PORT=$port" \
	--env "PJDFSTEST=$PJDFSTEST" -- bash -c '
	mkdir -p /mnt/n
	mount -t nfs -o "vers=3,tcp,nolock,port=$PORT,mountport=$PORT,mountproto=tcp" "$KC_SERVER:/export" /mnt/n || exit 1
	mkdir -p /mnt/n/pjd && cd /mnt/n/pjd
	for t in $(cd "$PJDFSTEST/tests" && find . -name "*.t" | sort); do
		/bin/busybox sh "$PJDFSTEST/tests/$t" 2>&1 | awk -v t="${t#./}" "
			/^1\.\.[0-9]/ { plan = substr(\$1, 4) }
			/^ok / || /^not ok .*# TODO/ { seen++; print \"pass\"; next }
			/^not ok / { seen++; print t, \$3 + 0 }
			END { if (seen != plan) print t, \"broke off\" }"
	done' >"$out" || { tail "$out"; exit 1; }
passed=$(grep -c '^pass$' "$out" || true)
grep -v '^pass$' "$out" | sort >"$out.failed" || true
sed 's/#.*//; s/[ \t]*$//; /^$/d' "$here/known_failures/pjdfstest.txt" | sort >"$out.known"
new=$(comm -23 "$out.failed" "$out.known")
echo "$passed passed, $(wc -l <"$out.failed") failed, of which $(comm -12 "$out.failed" "$out.known" | wc -l) are NFSv3's own"
if [ -n "$new" ]; then
	echo "not known:"
	echo "$new"
	exit 1
fi
[ "$passed" -gt 8000 ]
