#!/bin/bash
# quickstart.sh [BUILD]: the operator's first steps, typed as the guide has them and answered by
# expect, as a plain user; then apply twice, and what stays over a restart.
set -euo pipefail
build=$(cd "${1:-.}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" = 0 ] && [ -z "${QUICKSTART_AS:-}" ]; then
	work=$(mktemp -d)
	cp "$build/dfs" "$build/dfsctl" "$0" "$work"
	chown -R games "$work"
	chmod 755 "$work"
	rc=0
	QUICKSTART_AS=games runuser -u games -- env HOME="$work" QUICKSTART_AS=games \
		bash "$work/$(basename "$0")" "$work" || rc=$?
	rm -rf "$work"
	exit $rc
fi
home=$(mktemp -d)
export HOME=$home XDG_CONFIG_HOME=$home/.config XDG_STATE_HOME=$home/state PATH=$build:$PATH
mkdir -p "$XDG_CONFIG_HOME" "$XDG_STATE_HOME"
export DITTOFS_CONTROLPLANE_PORT=${DITTOFS_CONTROLPLANE_PORT:-18081} DITTOFS_METRICS_ENABLED=false
port=$DITTOFS_CONTROLPLANE_PORT nfs=${DITTOFS_NFS_PORT:-13052}
trap 'dfs stop >/dev/null 2>&1 || true; rm -rf "$home"' EXIT
steps=0
say() { steps=$((steps + 1)); printf 'ok      %s\n' "$*"; }
die() { printf 'FAILED  %s\n' "$*"; [ ! -e "$home/out" ] || tail -n 20 "$home/out"; exit 1; }
# typed COMMAND -- PROMPT ANSWER...: run it at a terminal, answering.
typed() {
	local line=$1
	shift 2
	{
		echo 'set timeout 20'
		printf 'spawn -noecho sh -c {%s}\n' "$line"
		while [ $# -gt 0 ]; do
			printf 'expect {\n timeout { exit 97 }\n eof { exit 98 }\n -ex {%s} { send -- {%s}; send "\\r" }\n}\n' "$1" "$2"
			shift 2
		done
		echo 'expect { timeout { exit 96 } eof { } }'
		echo 'catch wait result; exit [lindex $result 3]'
	} >"$home/script"
	expect -f "$home/script" >"$home/out" 2>&1
}
has() { grep -qF -- "$1" "$home/out" || die "$2: lacks \"$1\""; }
runs() { "$@" >"$home/out" 2>&1 || die "$*"; }
refused() { if "$@" >"$home/out" 2>&1; then die "not refused: $*"; fi; }

runs dfs init
runs dfs start
has "control plane and console at http://127.0.0.1:$port/" "dfs start"
password=$(sed -n 's/.*user admin, password \([A-Za-z0-9]*\) .*/\1/p' "$home/out")
[ ${#password} = 20 ] || die "no first password was shown"
grep -rqF "$password" "$home/state" && die "the first password lies on the disk" || true
say "dfs init, dfs start: a first password, shown once"
runs dfs logs -n 1
has "dfs.ready" "dfs logs"
[ "$(wc -l <"$home/out")" = 1 ] || die "dfs logs -n 1 is not one line"
runs dfs logs --since 2099-01-01T00:00:00Z
[ ! -s "$home/out" ] || die "dfs logs --since shows what was before"
refused dfs logs --since yesterday
timeout 20 dfs logs -n 0 -f >"$home/followed" &
follower=$!
sleep 0.5
mv "$home/state/dittofs/dittofs.log" "$home/state/dittofs/dittofs.log.1"
runs dfs stop
runs dfs start
for _ in $(seq 50); do
	! grep -q "dfs.stopped" "$home/followed" || ! grep -q "dfs.ready" "$home/followed" || break
	sleep 0.1
done
kill $follower
grep -q "dfs.stopped" "$home/followed" && grep -q "dfs.ready" "$home/followed" ||
	die "dfs logs -f does not go on over a rotated log"
say "dfs logs: the end, since when, and on over a rotated log"
typed "dfsctl login --server http://localhost:$port --username admin" -- "Password: " "$password" || die login
has "must be set first" login
[ "$(stat -c %a "$XDG_CONFIG_HOME/dfsctl/config.json")" = 600 ] || die "contexts can be read by others"
refused dfsctl user create --username "$(whoami)" --host-uid
has "must set a new password" "before the change"
has "dfsctl user change-password" "before the change"
typed "dfsctl user change-password" -- "Current password: " "$password" "New password: " good-enough-1 \
	"New password again: " good-enough-1 || die change-password
say "dfsctl login; dfsctl user change-password"
typed "dfsctl user create --username $(whoami) --host-uid" -- "cannot log in): " "long enough" \
	"Password again: " "long enough" || die "user create"
runs dfsctl user get "$(whoami)" -o json
[ "$(jq .uid "$home/out")" = "$(id -u)" ] || die "not the uid of this machine"
say "dfsctl user create --username \$(whoami) --host-uid"
typed "dfsctl store metadata add --name default --type badger" -- "Folder" "" || die "store metadata add"
typed "dfsctl store block local add --name local-cache --type fs" -- "Folder" "" || die "store block local add"
say "dfsctl store metadata add, store block local add"
runs dfsctl share create --name /export --metadata default --local local-cache
runs dfsctl share permission grant /export --user "$(whoami)" --level read-write
runs dfsctl share permission list /export
has read-write "share permission list"
runs dfsctl adapter enable nfs --port "$nfs"
exec 3<>"/dev/tcp/127.0.0.1/$nfs" || die "nobody listens on $nfs"
exec 3>&-
runs dfsctl status
has /export status
say "dfsctl share create, share permission grant, adapter enable nfs: it listens on $nfs"

cat >"$home/site.yaml" <<'END'
groups:
  - name: devs
    description: developers
    members: [alice]
users:
  - username: alice
    password: long enough
    groups: [devs]
metadata_stores:
  - {name: fast, type: memory}
local_block_stores:
  - {name: ram, type: memory}
netgroups:
  - name: lab
    members: [192.168.7.0/24, 10.0.0.9]
shares:
  - name: /scratch
    metadata_store: fast
    local_block_store: ram
    local_store_size: 64 MiB
    description: gone with the machine
    export_rules: ["@lab(rw)", "127.0.0.0/8(rw,none)"]
    permissions:
      users: {alice: read-write}
      groups: {devs: read}
settings:
  - {key: logging.level, value: warn}
END
runs dfsctl apply -f "$home/site.yaml" --dry-run
has "+ share /scratch" "apply --dry-run"
refused dfsctl share show /scratch
runs dfsctl apply -f "$home/site.yaml"
runs dfsctl apply -f "$home/site.yaml"
has "0 changes" "apply the second time"
sed -i 's/gone with/lost with/' "$home/site.yaml"
runs dfsctl apply -f "$home/site.yaml"
has 'description: "gone with the machine" -> "lost with the machine"' "apply a change"
has "1 change" "apply a change"
say "dfsctl apply: dry run, once, twice, a change"

runs dfsctl share disable /export
runs dfsctl share edit /export --read-only true
runs dfsctl share enable /export
refused dfsctl store metadata remove default --force
has "used by a share" "a store in use"
refused dfsctl share remove /export </dev/null
has "--force" "removal without a terminal"
refused dfsctl share create --name bad --metadata default --local local-cache
has "name: must look like /export" "a wrong field"
for form in table json yaml; do runs dfsctl share list -o $form; has /scratch "share list -o $form"; done
runs jq -e '.openapi' <(curl -sf "http://127.0.0.1:$port/api/v1/openapi.json")
for shell in bash zsh fish; do runs dfsctl completion $shell; done
runs bash -n <(dfsctl completion bash)
say "errors say what to do; table, json, yaml; completion"

runs dfs stop
runs dfs start
has "serving 2 shares over NFSv3 on port $nfs" "restart"
runs dfsctl share show /export -o json
[ "$(jq -r .read_only,.status.status "$home/out" | xargs)" = "true healthy" ] || die "after a restart"
runs dfsctl share remove /export --force
runs dfsctl audit list
has "deleteShare" "audit list"
runs dfsctl logout
refused dfsctl share list
has "dfsctl login" "after logout"
say "all stays over a restart; audit; logout"
echo "quick start: $steps steps"
