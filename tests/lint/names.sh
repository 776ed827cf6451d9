#!/bin/bash
# names.sh BUILD: no global is defined twice; those of gateway, mgmt and backends begin with a
# word of their room.
set -euo pipefail
cd "${1:-.}"
nm -A --defined-only lib*.a 2>/dev/null | awk '
NF > 1 && $(NF-1) ~ /^[TDBRGS]$/ {
	split($1, at, ":"); lib = at[1]; name = $NF
	if (name ~ /^_/ || lib == "libcheck.a")
		next
	if (name in seen) { print name ": defined in " seen[name] " and " $1; bad = 1 }
	seen[name] = $1
	if (lib == "libbackends.a" && name !~ /^(meta|memory|leveldb|sqlite|postgres|block|fs|s3|flaky|keyring|directory|backends?)_/)
		{ print lib ": " name " lacks its room'"'"'s word"; bad = 1 }
	if (name ~ /^(ck_|crypto_|gss_|krb5_|json_|uuid_|MHD_|PQ)/)
		{ print lib ": " name " takes a prefix of a library"; bad = 1 }
}
END { exit bad }'
