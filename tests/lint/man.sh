#!/bin/bash
# man.sh BUILD: pages and guide say what the programs do, no more and no less.
#
# Settings, their defaults, words, options and variables are compared in both directions; every
# YAML example is given to the daemon to read; every command line of the guide must be one.
set -euo pipefail
build=$(cd "${1:-.}" && pwd)
cd "$(dirname "$0")/../.."
man=mgmt/guide/man
work=$(mktemp -d "${TMPDIR:-/tmp}/man.XXXXXX")
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_STATE_HOME=$work XDG_CONFIG_HOME=$work
bad=0

# same WHAT: the lists $work/program and $work/page hold the same lines.
same() {
	sort -u -o "$work/program" "$work/program"
	sort -u -o "$work/page" "$work/page"
	if [ ! -s "$work/program" ]; then
		echo "$1: none found in the program; is this test out of date?"
		bad=1
	fi
	if ! comm -3 "$work/program" "$work/page" >"$work/differ" || [ -s "$work/differ" ]; then
		echo "$1: left, in the program and not on its page; right, the reverse:"
		cat "$work/differ"
		bad=1
	fi
}

# section PAGE NAME: its lines, subsections with it.
section() { awk -v name="$2" '/^\.Sh/ { on = $0 == ".Sh " name } on' "$1"; }

# items MACRO: of the section read, what its .It lines name with it.
items() { sed -n "s/^\.It $1 //p" | sed 's/ , / /g; s/ \(Ar\|Cm\) .*//' | tr ' ' '\n' | sed '/^$/d'; }

pages=("$man/dfs.8" "$man/dfs.yaml.5")
dfsctl=
if grep -q '^bin_PROGRAMS += dfsctl' mgmt/ctl/Makefile.inc 2>/dev/null; then
	dfsctl=$build/dfsctl
	pages+=("$build/$man/dfsctl.1")
fi
for page in "${pages[@]}"; do
	if command -v mandoc >/dev/null; then
		mandoc -Tlint -W warning "$page" || bad=1
	else
		LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >/dev/null | grep . && bad=1
	fi
done

# --- dfs.yaml(5): settings and defaults ---
"$build/dfs" config >"$work/config"
sed -n 's/^#\([a-z_.]*\): .*/\1/p' "$work/config" >"$work/program"
section $man/dfs.yaml.5 SETTINGS | items Ic >"$work/page"
same "settings"
section $man/dfs.yaml.5 SETTINGS | awk '
	/^\.It Ic/ { name = $3 }
	/^Default:/ { on = 1 }
	on && name != "" { text = $0; gsub(/^(\.[A-Z][a-z] |Default: *)/, "", text); all[name] = all[name] " " text }
	on && /\.$/ { on = 0 }
	END { for (name in all) print name "\t" all[name] " " }' >"$work/defaults"
while IFS=: read -r name value; do
	value=${value# } value=${value#\"} value=${value%\"}
	[ -n "$value" ] || continue
	if ! awk -F'\t' -v name="$name" -v value="$value" '
		$1 == name && index($2, " " value) && substr($2, index($2, " " value) + length(value) + 1) ~ /^[ .,]/ { found = 1 }
		END { exit !found }' "$work/defaults"; then
		echo "settings: the page gives $name another default than $value"
		bad=1
	fi
done < <(sed -n 's/^#\([a-z_.]*: .*\)/\1/p' "$work/config")
{ sed -n 's/^\(SHARE\|RULE\)( [A-Z]*,[[:space:]]*"\([a-z_]*\)".*/\2/p' mgmt/daemon/share.def; echo allow; } >"$work/program"
section $man/dfs.yaml.5 SHARES | items Ic >"$work/page"
same "settings of a share"
sed -n 's/^REMOTE( [A-Z]*,[[:space:]]*"\([a-z_0-9]*\)".*/\1/p' mgmt/daemon/share.def >"$work/program"
section $man/dfs.yaml.5 REMOTES | items Ic >"$work/page"
same "settings of a remote store"

# --- dfs(8): words, options, variables ---
"$build/dfs" --help >"$work/help"
{ sed -n '/^commands:/,/^$/s/^  \([a-z][a-z ]*[a-z]\)  .*/\1/p' "$work/help"; echo help; } >"$work/program"
section $man/dfs.8 DESCRIPTION | sed -n 's/^\.It Cm //p' >"$work/page"
same "words of dfs"
sed '1,/^options:/d' "$work/help" | sed -n 's/^  \(-[^ ].*\)/\1/p' | sed 's/  .*//' |
	grep -oE '(^|[ ,])-[-a-z]+' | sed 's/^[ ,]*-//' >"$work/program"
section $man/dfs.8 OPTIONS | items Fl | sed 's/^Fl$//; /^$/d' >"$work/page"
same "options of dfs"
grep -hoE 'getenv\("DITTOFS_[A-Z_]+' mgmt/daemon/*.c | sed 's/.*"//' >"$work/program"
section $man/dfs.8 ENVIRONMENT | items Ev | grep '^DITTOFS_' >"$work/page"
same "variables of dfs"

# --- dfsctl(1): words and flags ---
if [ -n "$dfsctl" ]; then
	"$dfsctl" --help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p' >"$work/commands"
	cp "$work/commands" "$work/program"
	section "$build/$man/dfsctl.1" COMMANDS | sed -n 's/^\.It Ic //p' | sed 's/ Ar .*//' >"$work/page"
	same "words of dfsctl"
	: >"$work/flags"
	while read -r -a words; do
		"$dfsctl" "${words[@]}" --help | grep -oE '^  [- ][^ ]* +--[a-z-]+|^  -., --[a-z-]+' |
			sed "s/.*--/${words[*]}\t/" >>"$work/flags"
	done <"$work/commands"
	cut -f2 "$work/flags" >"$work/program"
	section "$build/$man/dfsctl.1" FLAGS | sed -n 's/^\.It \(.*, \)\{0,1\}Fl -\([a-z-]*\).*/\2/p' >"$work/page"
	same "flags of dfsctl"
fi

# --- examples ---
# try FILE WHERE: the daemon reads it without complaint (3: nobody runs there).
try() {
	local rc=0
	"$build/dfs" status --config "$1" >"$work/said" 2>&1 || rc=$?
	if [ "$rc" != 3 ]; then
		echo "$2: an example that dfs does not take: $(cat "$work/said")"
		bad=1
	fi
}
try mgmt/deploy/config.yaml mgmt/deploy/config.yaml
section $man/dfs.yaml.5 EXAMPLES | sed '1,/^\.Bd/d; /^\.Ed/,$d' >"$work/example.yaml"
try "$work/example.yaml" $man/dfs.yaml.5
for page in mgmt/guide/*.md; do
	[ -e "$page" ] || continue
	awk -v out="$work/block" '/^```yaml$/ { on = 1; n++; next } /^```/ { on = 0 } on { print > (out "." n) }' "$page"
	for block in "$work"/block.*; do
		[ -e "$block" ] || continue
		# What dfsctl apply takes looks otherwise.
		grep -qE '^(metadata_stores|users|groups):' "$block" || try "$block" "$page"
		rm "$block"
	done
	[ -n "$dfsctl" ] || continue
	awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$page" |
		sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' | sed 's/^ *\(sudo \)\{0,1\}//; s/ *[#|>].*//' |
		grep '^dfsctl ' >"$work/lines" || continue
	while read -r line; do
		words=$(echo "${line#dfsctl }" | awk -v table="$work/commands" '
			BEGIN { while ((getline c < table) > 0) known[c] = 1 }
			{ for (i = 1; i <= NF; i++) { p = p (i > 1 ? " " : "") $i; if (p in known) best = p } print best }')
		if [ -z "$words" ]; then
			echo "$page: no command of dfsctl: $line"
			bad=1
			continue
		fi
		for flag in $(echo "$line" | grep -oE '(^| )--[a-z-]+' | sed 's/.*--//'); do
			grep -qxF "$words"$'\t'"$flag" "$work/flags" ||
				{ echo "$page: \"$words\" has no flag --$flag"; bad=1; }
		done
	done <"$work/lines"
done
exit $bad
