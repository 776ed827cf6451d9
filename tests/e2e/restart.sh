#!/bin/bash
# restart.sh BUILD CONFIG [kill|stop]: end the daemon (kill: by SIGKILL), start it again (stop: do
# not), and say on standard output how many milliseconds passed until it took connections.
set -euo pipefail
build=$1 config=$2 how=${3:-}
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
force=()
[ "$how" != kill ] || force=(--force)
"$build/dfs" stop "${force[@]}" --config "$config" >/dev/null
[ "$how" != stop ] || exit 0
begin=$(date +%s%N)
"$build/dfs" start --config "$config" >/dev/null
server_wait "$(awk '/^nfs:/ { on = 1 } on && /port:/ { print $2; exit }' "$config")"
echo $((($(date +%s%N) - begin) / 1000000))
