#!/bin/bash
# Who may include whom: holds every #include of the tree against floors.tbl.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -- '*.[ch]' | xargs grep -nE '^[[:space:]]*#[[:space:]]*include' | awk -v tbl=tests/lint/floors.tbl '
function room(path,   best, r) {
	best = ""
	for (r in floor)
		if (index(path, r "/") == 1 && length(r) > length(best))
			best = r
	return best
}
function say(text) { print at ": " text; bad++ }
BEGIN {
	while ((getline line < tbl) > 0) {
		n = split(line, f, /[ \t]+/)
		if (line ~ /^#/ || n < 2)
			continue
		if (f[1] == "host") {
			pattern[++hosts] = f[2]
			who[hosts] = f[3]
			continue
		}
		floor[f[1]] = f[2]
		for (i = 3; i <= n; i++)
			rule[f[1], substr(f[i], 2)] = substr(f[i], 1, 1)
	}
}
{
	split($0, part, ":")
	file = part[1]; at = file ":" part[2]
	if (match($0, /"[^"]+"/)) {
		to = substr($0, RSTART + 1, RLENGTH - 2)
		if (to ~ /\/inner\.h$/) {
			dir = to; sub(/\/[^\/]*$/, "", dir)
			own = file; sub(/\/[^\/]*$/, "", own)
			if (dir != own && file !~ /^tests\//)
				say("inner.h of another folder: " to)
		}
		from = room(file); into = room(to)
		if (from == "" || into == "" || from == into)
			next
		r = rule[from, into]
		if (r == "-" || (floor[into] + 0 >= floor[from] + 0 && r != "+"))
			say(from " (floor " floor[from] ") may not include " to)
	} else if (match($0, /<[^>]+>/)) {
		to = substr($0, RSTART + 1, RLENGTH - 2)
		for (h = 1; h <= hosts; h++)
			if (to ~ pattern[h] && file !~ who[h])
				say("<" to "> has hosts, and this file is none of them")
	}
}
END { if (bad) { print bad " arrows that the floor plan forbids"; exit 1 } }'
