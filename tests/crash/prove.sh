#!/bin/bash
# prove.sh BUILD DIR: show that the crash checker finds what a bad server would do.
#
# Runs beside a server that serves DIR of this machine (see with_ganesha.sh): a load, then one
# damage after another done behind the server's back, each of which verify must report, and each
# mended again.
# shellcheck disable=SC2317 # functions that damage() calls
set -euo pipefail
build=$(cd "$1" && pwd) dir=$(realpath "$2")
journals=$(mktemp -d "${TMPDIR:-/tmp}/prove.XXXXXX")
trap 'rm -rf "$journals"' EXIT
checker() {
	"$build/tests/bin/crash_checker" "$1" -j "$journals" -d prove -w 2 -t 3 -s 5 -q \
		-m "${DFS_TEST_MOUNT_PORT}" "$DFS_TEST_NFS"
}
verify() { $DFS_TEST_RESTART >/dev/null; checker verify >"$journals/out"; }

checker load
cp -a "$dir/prove" "$journals/copy"
cd "$dir/prove"
verify || { cat "$journals/out"; echo "not ok - an undamaged tree"; exit 1; }
echo "ok - an undamaged tree"

# one file of more than two blocks, with one link, whose first block is written
file=
while read -r f; do
	[ "$(od -An -tx8 -N8 "$f" | tr -d ' 0')" != "" ] && { file=$f; break; }
done < <(find w0 -type f -size +32k -links 1 | sort)
[ -n "$file" ] || { echo "no file to damage"; exit 1; }

failed=0
damage() { # damage TEXT COMMAND...: verify must fail; then all is put back
	local text=$1 rc=0
	shift
	"$@"
	verify || rc=$?
	if [ "$rc" = 0 ]; then
		echo "not ok - $text went unseen"
		failed=1
	else
		echo "ok - $text: $(head -n 1 "$journals/out")"
	fi
	# In place, so that handles stay: a mended tree is whole again.
	rsync -aH --delete --inplace --checksum "$journals/copy/" "$dir/prove/"
	[ "$text" = "a removed file" ] || verify || {
		cat "$journals/out"
		echo "not ok - the tree was not mended after $text"
		exit 1
	}
}
flip() { printf '\x55' | dd of="$file" bs=1 seek=100 conv=notrunc status=none; }
old_block() { dd if=/dev/zero of="$file" bs=4096 count=1 conv=notrunc status=none; }
swap_blocks() {
	dd if="$file" of="$journals/a" bs=4096 count=1 status=none
	dd if="$journals/a" of="$file" bs=4096 count=1 seek=2 conv=notrunc status=none
}
damage "a flipped byte" flip
damage "a block that is zeros again" old_block
damage "a block of another place" swap_blocks
damage "a file cut short" truncate -s 4096 "$file"
damage "a file of a block too many" truncate -s +4194304 "$file"
damage "another mode" chmod 0777 "$file"
damage "a link too many" ln "$file" w0/d0/stranger
damage "a name that came back" touch w0/d0/stranger
damage "a symlink's other target" ln -sfn elsewhere "$(find w0 -type l | head -n 1)"
damage "a removed file" rm "$file"
exit $failed
