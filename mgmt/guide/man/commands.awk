# commands.awk PART=commands|flags FILE.def: rows of dfsctl's tables as mdoc.
# A row is NAME( field, field … ), fields are strings, NULL or words.
function fields(row, f,    n, t) {
	n = 0
	sub(/^[A-Z]+\(/, "", row)
	while (match(row, /"([^"\\]|\\.)*"|'.'|[A-Za-z_0-9]+/)) {
		t = substr(row, RSTART, RLENGTH)
		row = substr(row, RSTART + RLENGTH)
		if (t ~ /^["']/) {
			t = substr(t, 2, length(t) - 2)
			gsub(/\\"/, "\"", t)
		} else if (t == "NULL")
			t = ""
		f[++n] = t
	}
	return n
}

# Text that troff takes as it is: no escapes, no leading dot, no dash that becomes a hyphen.
function plain(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	if (s ~ /^[.']/)
		s = "\\\\&" s
	return toupper(substr(s, 1, 1)) substr(s, 2) (s ~ /[.?!]$/ ? "" : ".")
}

PART == "commands" && /^COMMAND\(/ {
	n = fields($0, f)
	if (n != 9) {
		print FILENAME ": row " NR " has " n " fields" > "/dev/stderr"
		exit 1
	}
	split(f[1], w, " ")
	group = f[1] ~ / / ? w[1] : ""
	if (group != last) {
		printf ".El\n.Ss %s\n.Bl -tag -width Ds\n", toupper(substr(group, 1, 1)) substr(group, 2)
		last = group
	}
	printf ".It Ic %s", f[1]
	k = split(f[2], a, " ")
	for (i = 1; i <= k; i++)
		printf " Ar %s", tolower(a[i])
	printf "\n%s\n", plain(f[9])
	k = split(f[6], a, " ")
	if (k > 0) {
		printf ".br\n"
		for (i = 1; i <= k; i++) {
			must = a[i] ~ /!$/
			sub(/!$/, "", a[i])
			printf must ? ".Fl -%s\n" : ".Op Fl -%s\n", a[i]
		}
	}
}

PART == "flags" && /^FLAG\(/ {
	n = fields($0, f)
	if (n != 5) {
		print FILENAME ": row " NR " has " n " fields" > "/dev/stderr"
		exit 1
	}
	printf ".It %sFl -%s%s\n%s\n", f[2] != "0" ? "Fl " f[2] " , " : "", f[1], kind[f[3]], plain(f[5])
}

BEGIN {
	kind["TEXT"] = " Ar text"
	kind["NUMBER"] = " Ar number"
	kind["BOOL"] = " Cm true No \\&| Cm false"
	kind["SWITCH"] = ""
	kind["LIST"] = " Ar a,b"
	kind["MORE"] = " Ar text"
	kind["JSON"] = " Ar object"
}
