# shellcheck shell=bash
# lib_guest.sh - for scripts that run in kclient's guest: mount, steps with their time, and an end.
mount_at() { # mount_at DIR [OPTION]: the export, with further options
	mkdir -p "$1"
	mount -t nfs -o "$NFS_OPTIONS${2:+,$2}" "$KC_SERVER:$NFS_EXPORT" "$1"
}

step() { # step TEXT COMMAND...: one item, in a subshell; the first that fails ends the run
	local text=$1 start=$EPOCHREALTIME rc
	shift
	set +e		# within a condition the command's own failures would not end it
	(set -e; "$@") >/tmp/step.log 2>&1
	rc=$?
	set -e
	printf '%s %s (%.1f s)\n' "$([ "$rc" = 0 ] && echo ok || echo FAILED)" "$text" \
		"$(echo "$EPOCHREALTIME $start" | awk '{ print $1 - $2 }')"
	[ "$rc" = 0 ] && return
	tail -n 30 /tmp/step.log
	exit 1
}
