#!/bin/bash
# rpm.sh [WORK]: the rpm of what is committed, built where rpmbuild is and looked into.  Debian's
# rpmbuild knows no packages of Fedora, so what the spec asks for is not looked for.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
given=${1:-}
work=${given:-$(mktemp -d "${TMPDIR:-/tmp}/dittofs-rpm.XXXXXX")}
trap '[ -n "$given" ] || rm -rf "$work"' EXIT
"$top/mgmt/deploy/packages.sh" build lint
version=$(sed -n 's/^Version: *//p' "$top/mgmt/deploy/rpm/dittofs.spec")
mkdir -p "$work/SOURCES"
git -C "$top" archive --prefix="dittofs-$version/" -o "$work/SOURCES/dittofs-$version.tar.gz" HEAD
rpmbuild -bb --nodeps --define "_topdir $work" --define "_smp_mflags -j$(nproc)" \
	"$top/mgmt/deploy/rpm/dittofs.spec" >"$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
made=$(ls "$work"/RPMS/*/dittofs-"$version"-*.rpm)
rpm -qlp "$made" >"$work/files"
for file in /usr/bin/dfs /usr/bin/dfsctl /etc/dittofs/config.yaml dittofs.service dfs.8 dfs.yaml.5 dfsctl.1; do
	grep -q "$file" "$work/files" || { echo "it lacks $file"; exit 1; }
done
rpm -qcp "$made" | grep -qx /etc/dittofs/config.yaml || { echo "the settings are not known as such"; exit 1; }
echo "rpm: built, $(wc -l <"$work/files") files, settings kept at upgrades"
