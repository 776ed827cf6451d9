#!/bin/bash
# build-deb.sh OUTPUT-FOLDER [VERSION]: the Debian package dittofs, built from what is committed
# (without git: from this tree as it is) in a scratch folder.
#
# VERSION: by default that of configure.ac, with the number of commits behind it.  The name in the
# changelog is DEBFULLNAME <DEBEMAIL>, where they are set.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: build-deb.sh OUTPUT-FOLDER [VERSION]" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
"$top/mgmt/deploy/packages.sh" build package

scratch=$(mktemp -d "${TMPDIR:-/tmp}/dittofs-deb.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/dittofs
mkdir "$tree"
version=$(sed -n 's/^AC_INIT(\[dittofs\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
when=${SOURCE_DATE_EPOCH:-$(date +%s)}
if git -C "$top" rev-parse -q --verify HEAD >/dev/null 2>&1; then
	git -C "$top" archive HEAD | tar -x -C "$tree"
	version+=+$(git -C "$top" rev-list --count HEAD)
	when=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct)}
else
	tar -C "$top" --exclude './build*' --exclude '*.o' --exclude '*.a' --exclude ./config.status \
		--exclude ./Makefile -c . | tar -x -C "$tree"
fi
version=${2:-$version}

cp -r "$tree/mgmt/deploy/debian" "$tree/debian"
cp "$tree/mgmt/deploy/systemd/dittofs.service" "$tree/debian/dittofs.service"
cat >"$tree/debian/changelog" <<END
dittofs ($version) unstable; urgency=medium

  * Built from the tree.

 -- ${DEBFULLNAME:-DittoFS} <${DEBEMAIL:-dittofs@localhost}>  $(LC_ALL=C date -u -R -d "@$when")
END
cd "$tree"
dpkg-buildpackage -b -uc -us -j"${JOBS:-$(nproc)}"
for made in "$scratch"/*.deb "$scratch"/*.buildinfo "$scratch"/*.changes; do
	mv "$made" "$out/"
done
ls "$out"/dittofs_"$version"_*.deb
