#!/bin/bash
# wire_peer.sh [BUILD]: the wire suite against nfs-ganesha; fails where a case fails that is not in
# known_failures/wire-ganesha.tsv.  That shows the suite itself right where another server, whose
# codec and file system are not ours, agrees with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../..}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/wire-peer.XXXXXX")
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir "$dir/files"
"$here/with_ganesha.sh" "$dir/files" "$build/tests/bin/nfs3_wire" >"$dir/out" || [ -s "$dir/out" ]
grep -q '^1\.\.' "$dir/out" || { tail "$dir/out"; echo "the suite did not end"; exit 1; }
sed -n 's/^not ok [0-9]* - //p' "$dir/out" | sort >"$dir/failed"
grep -v '^#' "$here/known_failures/wire-ganesha.tsv" | cut -f 1 | sort >"$dir/known"
new=$(comm -23 "$dir/failed" "$dir/known")
echo "$(grep -c '^ok' "$dir/out") of $(grep -cE '^(not )?ok' "$dir/out") cases pass on nfs-ganesha"
[ -z "$new" ] || { echo "not known:"; for n in $new; do grep -B 1 -- " - $n\$" "$dir/out"; done; exit 1; }
