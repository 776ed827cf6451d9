#!/bin/bash
# packages.sh GROUP...: install the Debian packages of those groups of tests/packages, as far as
# they are missing.  Needs root, or sudo.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
missing=()
for group; do
	# shellcheck disable=SC2013 # words are wanted
	for package in $(sed -n "s/^$group: //p" "$top/tests/packages"); do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			missing+=("$package")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0
root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "as root: apt-get install ${missing[*]}" >&2; exit 1; }
	root=(sudo)
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get -qq update
"${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
