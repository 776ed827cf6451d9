#!/bin/bash
# radosgw.sh DIR: Ceph on one machine (a monitor, an OSD, radosgw), all of it below DIR and on the
# loopback, until this script is told to end.  Once it serves, DIR/env says where and with which keys:
#   S3_ENDPOINT S3_REGION S3_BUCKET (made) S3_ACCESS_KEY S3_SECRET_KEY   S3_TLS_ENDPOINT, by S3_CA
#
# CEPH_STORE: memstore (in memory, what else is not said) or bluestore (a sparse file below DIR).
# CEPH_BYTES: what fits in it; 2 GiB of memory, or 24 GiB of the file.
# Ends with 77 where Ceph is not installed (mgmt/deploy/packages.sh s3).  What it keeps is thrown away.
# shellcheck disable=SC2317	# what await and traps call
set -euo pipefail
dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$here/../e2e/lib.sh"
export LC_ALL=C.UTF-8
LIMIT_S=180		# of any one step, on a busy machine

for tool in ceph-mon ceph-osd radosgw radosgw-admin ceph ceph-authtool openssl; do
	command -v $tool >/dev/null || {
		echo "no $tool here: mgmt/deploy/packages.sh s3 installs it" >&2
		exit 77
	}
done
store=${CEPH_STORE:-memstore}
case $store in
memstore) bytes=${CEPH_BYTES:-$((2 << 30))} ;;
bluestore) bytes=${CEPH_BYTES:-$((24 << 30))} ;;
*) e2e_die "CEPH_STORE is memstore or bluestore" ;;
esac
export S3_REGION=default S3_BUCKET=suite S3_ACCESS_KEY=TESTACCESSKEY S3_SECRET_KEY=test/secret+key
conf=$dir/ceph.conf mon=$(port_free) plain=$(port_free) tls=$(port_free)
mkdir -p "$dir"/{mon,osd,run,log}

# Nothing of it is worth an orderly end.
daemons=()
finish() {
	local status=$?
	[ ${#daemons[@]} = 0 ] || kill -KILL "${daemons[@]}" 2>/dev/null || true
	wait 2>/dev/null
	[ "$status" = 0 ] || tail -n 20 "$dir"/log/* >&2
	exit "$status"
}
trap finish EXIT
trap 'exit 0' TERM INT

# daemon NAME COMMAND...: it dies with this script, however that ends.
daemon() {
	local name=$1
	shift
	setpriv --pdeathsig KILL "$@" </dev/null >"$dir/log/$name" 2>&1 &
	daemons+=($!)
}

# await WHAT COMMAND...: until it succeeds.
await() {
	local what=$1 end=$((SECONDS + LIMIT_S)) pid
	shift
	until "$@" >/dev/null 2>&1; do
		for pid in "${daemons[@]}"; do
			kill -0 "$pid" 2>/dev/null || e2e_die "a daemon ended before there was $what"
		done
		[ $SECONDS -lt $end ] || e2e_die "no $what after $LIMIT_S s"
		sleep 0.1
	done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ask_ceph() { timeout "$LIMIT_S" ceph -c "$conf" "$@"; }
osd_up() { ask_ceph osd stat | grep -q '1 up'; }
note() { "$@" >>"$dir/log/steps" 2>&1; }

# One OSD and one copy of everything; changes of the map are proposed at once, not once a second.
cat >"$conf" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$mon/0]
public network = 127.0.0.0/8
public addr = 127.0.0.1
ms bind msgr1 = false
keyring = $dir/keyring
run dir = $dir/run
admin socket = $dir/run/\$name.\$pid.asok
crash dir = $dir/run
log file =
log to stderr = true
err to stderr = true
mon cluster log file = $dir/log/cluster
mon cluster log to stderr = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd pool default flag hashpspool = true
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon osd initial require min compat client = luminous
paxos propose interval = 0.02
paxos min wait = 0.01
osd objectstore = $store
osd memory target = 939524096
osd class load list = *
osd class default list = *
memstore device bytes = $bytes
bluestore block size = $bytes
bluestore fsck on mount = false
rgw dns name = localhost
rgw num rados handles = 1
rgw thread pool size = 64
rgw enable usage log = false
rgw enable quota threads = false
rgw override bucket index max shards = 1
rgw dynamic resharding = false
[mon.a]
mon data = $dir/mon
[osd.0]
osd data = $dir/osd
END

# key NAME CAPABILITY...: one keyring for all of them.
key() {
	note ceph-authtool "$dir/keyring" --gen-key -n "$@"
}
note ceph-authtool --create-keyring "$dir/keyring"
key mon. --cap mon 'allow *'
key client.admin --cap mon 'allow *' --cap osd 'allow *'
key osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
key client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'

monitor=(ceph-mon -c "$conf" -i a --public-addr "v2:127.0.0.1:$mon")
note "${monitor[@]}" --mkfs --keyring "$dir/keyring"
daemon mon "${monitor[@]}" -f
await "a monitor" listens "$mon"

osd=$(cat /proc/sys/kernel/random/uuid)
note ask_ceph osd new "$osd"
note ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd"
daemon osd ceph-osd -c "$conf" -f -i 0
await "an OSD" osd_up

# The bucket's name is in the certificate too: virtual hosts.
note openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
	-subj /CN=localhost -keyout "$dir/tls.key" -out "$dir/tls.pem" \
	-addext "subjectAltName=DNS:localhost,DNS:$S3_BUCKET.localhost,IP:127.0.0.1"
listen="beast endpoint=127.0.0.1:$plain ssl_endpoint=127.0.0.1:$tls"
listen+=" ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls.key tcp_nodelay=1"
daemon radosgw radosgw -c "$conf" -f -n client.rgw --rgw-frontends "$listen"
note timeout "$LIMIT_S" radosgw-admin -c "$conf" -n client.rgw user create --uid tests \
	--display-name tests --access-key "$S3_ACCESS_KEY" --secret-key "$S3_SECRET_KEY"
await "a radosgw" listens "$plain"
export S3_ENDPOINT=http://127.0.0.1:$plain S3_TLS_ENDPOINT=https://127.0.0.1:$tls S3_CA=$dir/tls.pem
await "a bucket" python3 "$here/bucket.py" --make

for name in S3_{ENDPOINT,TLS_ENDPOINT,CA,REGION,BUCKET,ACCESS_KEY,SECRET_KEY}; do
	printf 'export %s=%q\n' "$name" "${!name}"
done >"$dir/env.new"
mv "$dir/env.new" "$dir/env"
wait -n || true
e2e_die "a daemon ended"
