# Blocks: the items of tests/show that are about containers and the remote store; read by it, and
# uses its line, command_item, scale, $build and $logs.
# shellcheck shell=bash disable=SC2154

# kept NAME COMMAND...: its output is kept; verdict starts from how it ended, 77 is not-run.
kept() {
	local name=$1 rc=0
	shift
	"$@" >"$logs/$name" 2>&1 || rc=$?
	case $rc in 0) verdict=met ;; 77) verdict=not-run ;; *) verdict=missed ;; esac
}
# judged NAME FIGURE BAR: no figure is a miss; what was said is shown where it was missed.
judged() {
	local figure=${2:-no figure}
	if [ "$verdict" = not-run ]; then
		figure=$(tail -n 1 "$logs/$1" | cut -c1-58)
	elif [ -z "$2" ]; then
		verdict=missed
	fi
	line "$1" "$figure" "$3" "$verdict"
	[ "$verdict" = met ] || tail -n 12 "$logs/$1" | sed 's/^/    | /'
}
# holds EXPRESSION: in awk's terms, else the item is missed.
holds() { awk "BEGIN { exit !($1) }" || verdict=missed; }

# near_radosgw NAME COMMAND...: kept, beside the server that S3_ENDPOINT and its like name, or a
# radosgw of its own; what a full run sends there is too much for memory.
near_radosgw() {
	local name=$1
	shift
	kept "$name" env CEPH_STORE="$(scale memstore bluestore)" tests/s3/with_radosgw.sh "$@"
}

# remote NAME PART: that part of the run with remote stores, beside our small S3 server.
remote() {
	# shellcheck disable=SC2046
	kept "$1" env -u S3_ENDPOINT tests/e2e/40_s3.sh $(scale --quick "") --only "$2" "$build"
}
cold_figure() { # cold_figure NAME: written, drained, dropped, read back
	local wrote back
	wrote=$(sed -nE 's/^ok +bucket: ([0-9]+ files) .* containers, (.*)/\1, \2/p' "$logs/$1")
	back=$(sed -nE 's/^ok +bucket: all read back cold .*\((.*)\)/\1/p' "$logs/$1")
	[ -z "$wrote" ] || [ -z "$back" ] || echo "$wrote, read back cold in $back"
}
item_s3() {
	remote s3 cold
	judged s3 "$(cold_figure s3)" "drained, dropped, all read back cold"
}
item_radosgw() {
	# shellcheck disable=SC2046
	near_radosgw radosgw tests/e2e/40_s3.sh $(scale --quick "") --only cold "$build"
	judged radosgw "$(cold_figure radosgw)" "as s3, at a server not ours"
}
item_puts() {
	local figure
	remote puts small
	figure=$(sed -nE 's/^ok +bucket: (.* small files, .* a file)$/\1/p' "$logs/puts")
	[ -z "$figure" ] || holds "$(sed -E 's/.*, ([0-9.]+) a file/\1/' <<<"$figure") <= 0.02"
	judged puts "$figure" "<= 0.02 a small file"
}
item_outage() {
	local seconds
	remote outage away
	seconds=$(sed -nE 's/^ok +bucket: the remote away ([0-9]+) s .*/\1/p' "$logs/outage")
	judged outage "$(sed -nE 's/^ok +bucket: the remote away .* load: (.*), no.*/\1/p' \
		"$logs/outage")" "away ${seconds:-?} s: no error, all there after"
}
item_plaintext() {
	kept plaintext "$build/tests/bin/sync_test" the_search_finds sealed_nothing_is_found
	holds "$(grep -c '^ok .*\(the_search_finds\|sealed_nothing\)' "$logs/plaintext") == 2"
	[ "$verdict" = met ] && set -- "found where clear, not in sealed journal or containers"
	judged plaintext "${1:-}" "nothing found, the search proved"
}
item_dedup() {
	local tree copy edited
	kept dedup "$build/tests/bin/tree_test"
	read -r tree copy edited < <(sed -nE \
		's/^# a tree takes ([0-9]+) bytes, its copy ([0-9]+), edited ([0-9]+)$/\1 \2 \3/p' "$logs/dedup")
	[ -n "${edited:-}" ] || { judged dedup "" "copy < 1 %, edited < 75 %"; return; }
	holds "$copy * 100 < $tree && $edited * 100 < $tree * 75"
	judged dedup "$(awk "BEGIN { printf \"copy %.2f %%, edited %.1f %% of a tree of %d MiB\", \
		$copy * 100 / $tree, $edited * 100 / $tree, $tree / 1048576 }")" "copy < 1 %, edited < 75 %"
}
item_keys() {
	local ms
	kept keys tests/e2e/35_keys.sh "$build"
	ms=$(sed -nE 's/^a new key-encrypting key: ([0-9]+) ms.*/\1/p' "$logs/keys")
	[ -z "$ms" ] || holds "$ms < 10000"
	judged keys "${ms:+new key-encrypting key in $ms ms, restart and all}" "nothing rewritten, < 10 s"
}
item_rotation() {
	local figure ms
	# shellcheck disable=SC2046
	kept rotation tests/e2e/36_rotation.sh $(scale --quick "") "$build"
	figure=$(sed -nE 's/^([0-9]+ MiB in .*: a new key-encrypting key in [0-9]+ ms), .*/\1/p' "$logs/rotation")
	ms=$(sed -nE 's/.* in ([0-9]+) ms$/\1/p' <<<"$figure")
	[ -z "$ms" ] || holds "$ms < 10000"
	judged rotation "$figure" "seconds, nothing rewritten, the old key refused"
}
item_carve() { # judged by the way that does all four; the others are shown
	local ratio
	mkdir "$logs/containers"
	# shellcheck disable=SC2046
	kept carve "$build/tests/bin/bench_carve" "$logs/containers" $(scale 256 512)
	rm -rf "$logs/containers"
	ratio=$(awk '$1 == "sealed+zstd-1" { print $6 }' "$logs/carve")
	[ -z "$ratio" ] || holds "$ratio >= 0.8"
	judged carve "${ratio:+$ratio of hash, compress, seal and write}" ">= 0.8 of bare carve"
	[ "$verdict" = missed ] || sed 's/^/    | /' "$logs/carve"
}
item_cold-rates() { # over a link of 20 ms and 1 Gbit/s before our small S3 server, or S3_ENDPOINT
	local figure
	mkdir "$logs/cold"
	# shellcheck disable=SC2046
	kept cold-rates tests/s3/with_server.sh "$build/tests/bin/bench_cold" "$logs/cold" $(scale 128 512)
	rm -rf "$logs/cold"
	figure=$(sed -nE 's/^medians +//p' "$logs/cold-rates")
	[ -z "$figure" ] || holds "$(sed -E 's/sequential ([0-9.]+) .*random ([0-9.]+) .*/\1 >= 0.8 \&\& \2 <= 1.2/' \
		<<<"$figure")"
	judged cold-rates "$figure" ">= 0.80; 4 KiB p50 <= 1.2 GET"
	[ "$verdict" = missed ] || grep -E '^(sequential|random)' "$logs/cold-rates" | sed 's/^/    | /'
}
item_background() { # judged by the operation that suffers most; all are shown
	local worst
	kept background env BACKGROUND_ROUNDS="$(scale 3 7)" BACKGROUND_MIB="$(scale 128 256)" \
		"$build/tests/bin/bench_background"
	worst=$(awk '$1 == "background" && $7 >= most { most = $7; op = $2 }
		END { if (op) print most, op }' "$logs/background")
	[ -z "$worst" ] || holds "${worst% *} <= 2"
	judged background "${worst:+${worst% *} x without, ${worst#* }}" "p99 <= 2 x without"
	[ "$verdict" = missed ] || sed -n 's/^background/    |/p' "$logs/background"
}
item_contract() { # s3 is the store beside our small server, radosgw the same beside a Ceph
	local store ran figure='' all=met
	: >"$logs/contract"
	for store in memory fs flaky s3 radosgw; do
		case $store in
		s3) kept contract-s3 env -u S3_ENDPOINT tests/s3/with_server.sh "$build/tests/bin/block_s3" ;;
		radosgw) near_radosgw contract-radosgw "$build/tests/bin/block_s3" ;;
		*) kept "contract-$store" "$build/tests/bin/block_$store" ;;
		esac
		# A suite of which nothing ran says "ok" too.
		ran=$(grep '^ok ' "$logs/contract-$store" | grep -vc '# SKIP$')
		[ $verdict = not-run ] || holds "$ran > $(grep -c '# SKIP$' "$logs/contract-$store")"
		figure+="${figure:+, }$store $ran"
		[ $verdict = met ] && continue
		[ $all = missed ] || all=$verdict
		grep -v '^ok ' "$logs/contract-$store" >>"$logs/contract"
	done
	verdict=$all
	judged contract "laws kept: $figure" "every law, each store"
}

item_kernel-s3() {
	# shellcheck disable=SC2046
	near_radosgw kernel-s3 tests/e2e/44_kernel_s3.sh $(scale --quick "") "$build"
	judged kernel-s3 "$(sed -nE 's/^ok +kernel: (.*), compared anew.*/\1/p' "$logs/kernel-s3")" \
		"all of it compared from the bucket alone"
}
item_tree-gib() {
	local mib tree copy edited
	# shellcheck disable=SC2046
	near_radosgw tree-gib tests/e2e/45_tree.sh $(scale --quick "") "$build"
	read -r mib tree copy edited < <(sed -nE \
		's/^ok +a tree of ([0-9]+) MiB took ([0-9]+) .* copy ([0-9]+), edited ([0-9]+)$/\1 \2 \3 \4/p' \
		"$logs/tree-gib")
	[ -n "${edited:-}" ] || { judged tree-gib "" "copy < 1 %, edited < 75 %"; return; }
	holds "$copy * 100 < $tree && $edited * 100 < $tree * 75"
	judged tree-gib "$(awk "BEGIN { printf \"copy %.2f %%, edited %.1f %% of %d MiB in the bucket\", \
		$copy * 100 / $tree, $edited * 100 / $tree, $mib }")" "copy < 1 %, edited < 75 %"
}
storms_line() { # a line a storm too: what it was like
	local n
	n=$(grep -c '^ok .* faults, ' "$logs/$1")
	[ "$n" = 0 ] || set -- "$1" "$n storms, the longest back after $(sed -nE \
		's/.*; back in ([0-9.]+) s,.*/\1/p' "$logs/$1" | sort -n | tail -n 1) s"
	judged "$1" "${2:-}" "no wedge, no false success, recovers"
	grep '^ok .* faults, ' "$logs/$1" | sed 's/^ok */    | /'
}
item_storms() { # before our small server, then before radosgw
	# shellcheck disable=SC2046
	kept storms env -u S3_ENDPOINT tests/e2e/42_storms.sh $(scale --quick "") "$build"
	storms_line storms
	# shellcheck disable=SC2046
	near_radosgw storms-radosgw tests/e2e/42_storms.sh $(scale --quick "") "$build"
	storms_line storms-radosgw
}
item_cap() {
	local figure
	# shellcheck disable=SC2046
	kept cap tests/e2e/43_cap.sh $(scale --quick "") "$build"
	figure=$(sed -nE 's/^ok +bucket gone (.* s), bound (.* MiB): .*, (.* MiB) at most, (.*)/\1: \3 of \2, \4/p' \
		"$logs/cap")
	judged cap "$figure" "slower, then DELAY, never EIO"
	[ "$verdict" = missed ] || sed -n 's/^ok */    | /p' "$logs/cap"
}

# One bit at a time, in every kind of file that a share has; a bucket is a folder here.
item_flips() {
	local figure
	kept flips env DITTOFS_FLIPS="$(scale 5 60)" "$build/tests/bin/sync_test" one_flipped
	figure=$(awk '$1 == "#" && $NF ~ /^[0-9]+$/ { f += $(NF-5); r += $(NF-4); c += $(NF-3); h += $(NF-2)
		e += $(NF-1); w += $NF } END { if (f) printf "%d flips: %d refused, %d healed, %d EIO, %d idle, %d wrong", \
		f, r, h, e, c, w }' "$logs/flips")
	judged flips "$figure" "healed, refused or EIO; 0 wrong"
	[ "$verdict" = missed ] || sed -n 's/^# /    | /p' "$logs/flips"
}

item_crash-s3() { # kill -9 and power loss, a bucket with bad days behind the share
	local rounds power counts
	kept crash-s3-kill env KILL9_REMOTE=yes tests/crash/kill9.sh "$build" "$(scale 5 60)"
	rounds=$(sed -nE 's/^([0-9]+ rounds) hold.*/\1/p' "$logs/crash-s3-kill")
	counts=$(grep -c ' 0 only here, .* 0 wrong$' "$logs/crash-s3-kill")
	[ "$verdict" = met ] || rounds=
	# shellcheck disable=SC2046
	kept crash-s3-power tests/crash/power.sh --bucket "$build" $(scale --quick "6 50")
	power=$(sed -nE 's/^power loss: .* ([0-9]+ images), 0 bad$/\1/p' "$logs/crash-s3-power")
	holds "${counts:-0} == 1"
	cat "$logs/crash-s3-kill" "$logs/crash-s3-power" >"$logs/crash-s3"
	judged crash-s3 "${rounds:+${power:+$rounds, $power, each counted anew}}" "nothing lost, counts exact"
	[ "$verdict" = missed ] || grep -E ' wrong$|^bucket:|emptied|^run' "$logs/crash-s3" | sed 's/^/    | /'
}
