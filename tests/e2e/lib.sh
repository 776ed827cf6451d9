# shellcheck shell=bash
# lib.sh - start, find, kill and stop the server that an end-to-end test runs against.
#
# Sourced.  A test calls `server_begin BUILD` once; afterwards these are set and exported:
#   DFS_TEST_NFS=127.0.0.1:PORT:/export  DFS_TEST_MOUNT_PORT  DFS_TEST_PMAP_PORT
#   DFS_TEST_NFS_OTHER=/other  DFS_TEST_RO_SOURCE=127.0.0.9  DFS_TEST_RESTART  DFS_TEST_STATE
# With DFS_TEST_NFS set beforehand (see with_ganesha.sh) that server is taken as it is.
# Our own runs in a folder of its own, as this user, and ends with the script.

e2e_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

e2e_die() {
	echo "$*" >&2
	exit 1
}

# port_free: a TCP port of this machine that nobody listens on
port_free() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# remote_conf: of a remote store called far, at DFS_TEST_REMOTE; what more it wants to know is in
# S3_REGION, S3_BUCKET, S3_ACCESS_KEY, and the environment has its secret
remote_conf() {
	cat <<-END
	remotes:
	  - name: far
	    type: s3
	    endpoint: $DFS_TEST_REMOTE
	    region: $S3_REGION
	    bucket: $S3_BUCKET
	    access_key_id: $S3_ACCESS_KEY
	    server: ceph
	    attempts: 2
	END
}

# server_conf: the settings of our own server; root is not squashed, 127.0.0.9 may only read.
# DFS_TEST_REMOTE: URL of an S3 server that the shares' containers go to, DFS_TEST_LOCAL_SIZE of which
# stay here.
server_conf() {
	local name far=
	[ -z "${DFS_TEST_REMOTE:-}" ] ||
		far=$'\n    remote: far\n    local_size: '${DFS_TEST_LOCAL_SIZE:-0}
	cat <<-END
	state_dir: $DFS_TEST_STATE
	workers: ${DFS_TEST_WORKERS:-2}
	nfs:
	  host: 127.0.0.1
	  port: $1
	portmapper:
	  enabled: true
	  port: $2
	metrics:
	  port: $3
	controlplane:
	  port: 0
	END
	if [ "${DFS_TEST_ENCRYPTION:-none}" != none ]; then
		(umask 077 && openssl rand -hex 32 >"$DFS_TEST_STATE/key")
		printf 'encryption:\n  key_file: %s\n' "$DFS_TEST_STATE/key"
	fi
	[ -z "${DFS_TEST_REMOTE:-}" ] || remote_conf
	echo shares:
	for name in export other; do
		cat <<-END
		  - name: /$name
		    dir: $DFS_TEST_STATE/$name
		    metadata: ${DFS_TEST_METADATA:-leveldb}
		    durability: ${DFS_TEST_DURABILITY:-local}
		    journal: ${DFS_TEST_JOURNAL:-2GiB}
		    encryption: ${DFS_TEST_ENCRYPTION:-none}
		    compression: ${DFS_TEST_COMPRESSION:-none}$far
		    allow:
		      - hosts: 127.0.0.9
		        squash: none
		        read_only: true
		      - hosts: "127.0.0.0/8"
		        squash: none
		END
	done
}

server_begin() {
	local build=${1:-$e2e_top} port pmap
	[ -z "${DFS_TEST_NFS:-}" ] || return 0
	build=$(cd "$build" && pwd)
	[ -x "$build/dfs" ] || e2e_die "no program dfs in $build"
	DFS_TEST_STATE=$(mktemp -d "${TMPDIR:-/tmp}/dfs-e2e.XXXXXX")
	port=$(port_free) pmap=$(port_free)
	server_conf "$port" "$pmap" "$(port_free)" >"$DFS_TEST_STATE/dfs.yaml"
	DFS_TEST_NFS=127.0.0.1:$port:/export DFS_TEST_MOUNT_PORT=$port DFS_TEST_PMAP_PORT=$pmap
	DFS_TEST_NFS_OTHER=/other DFS_TEST_RO_SOURCE=127.0.0.9
	DFS_TEST_RESTART="$e2e_top/tests/e2e/restart.sh $build $DFS_TEST_STATE/dfs.yaml"
	export DFS_TEST_STATE DFS_TEST_NFS DFS_TEST_MOUNT_PORT DFS_TEST_PMAP_PORT
	export DFS_TEST_NFS_OTHER DFS_TEST_RO_SOURCE DFS_TEST_RESTART
	e2e_own=$build
	trap server_end EXIT
	"$build/dfs" start --config "$DFS_TEST_STATE/dfs.yaml" || {
		tail -n 30 "$DFS_TEST_STATE"/*.log >&2
		e2e_die "the server does not start"
	}
	server_wait "$port"
}

# server_wait PORT: until it takes connections
server_wait() {
	local i
	for ((i = 0; i < 400; i++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.05
	done
	e2e_die "nobody listens on port $1"
}

# server_end [STATUS]: stop our own server and remove its folder; the last lines of its log after a failure
server_end() {
	local status=${1:-$?}
	[ -n "${e2e_own:-}" ] || return "$status"
	if ! "$e2e_own/dfs" stop --config "$DFS_TEST_STATE/dfs.yaml" >/dev/null 2>&1; then
		"$e2e_own/dfs" stop --force --config "$DFS_TEST_STATE/dfs.yaml" >/dev/null 2>&1 || true
	fi
	[ "$status" = 0 ] || tail -n 20 "$DFS_TEST_STATE"/*.log >&2
	if [ "$status" = 0 ] || [ -z "${DFS_TEST_KEEP:-}" ]; then
		rm -rf "$DFS_TEST_STATE"
	fi
	e2e_own=
	return "$status"
}

# guest_run TIMEOUT SCRIPT [ARG...]: run a script under a real kernel that can mount the server.
# In the guest: KC_SERVER, NFS_EXPORT, NFS_OPTIONS (for mount -o), and lib_guest.sh.
guest_run() {
	local timeout=$1 script=$2 port share
	shift 2
	IFS=: read -r _ port share <<<"$DFS_TEST_NFS"
	set -- -- "$@"
	[ "$DFS_TEST_MOUNT_PORT" = "$port" ] || set -- --forward "$DFS_TEST_MOUNT_PORT" "$@"
	"$e2e_top/tests/kclient/kclient" run --timeout "$timeout" --forward "$port" \
		--env "NFS_EXPORT=$share" --env "E2E_TOP=$e2e_top" \
		--env "NFS_OPTIONS=vers=3,proto=tcp,mountproto=tcp,nolock,port=$port,mountport=$DFS_TEST_MOUNT_PORT" \
		--script "$script" "$@"
}
