#!/usr/bin/env python3
"""kernel_s3.py BUILD QUICK: a Linux kernel's workloads on a share with a bucket behind it.

While they run, what is packed is sent and dropped here again and again, so that they meet data that
only the bucket has (not with QUICK, which leaves them out).  Then a tree is left, drained, each
container compared with its object, all local ones deleted, and the kernel compares the tree anew.
"""
import subprocess, sys, threading, time
from gateway import *

build, quick = sys.argv[1], sys.argv[2] == "1"
DRAIN_S, DROP_EVERY_S = 300, 5
LIMIT_S = 3600			# of one guest; what was dropped comes back by and by


def kernel(share, *guest):
    """Runs that in a guest, or all of 10_nfs_kernel.sh; its lines are shown as they come."""
    env = dict({"E2E_TIMEOUT": str(LIMIT_S)}, **os.environ,
               DFS_TEST_NFS=f"127.0.0.1:{share.gateway.port}:/{share.name}",
               DFS_TEST_MOUNT_PORT=str(share.gateway.port))
    command = f". '{here}/lib.sh'; guest_run $E2E_TIMEOUT '{here}/nfs_kernel_guest.sh' {' '.join(guest)}"
    args = ("bash", "-euo", "pipefail", "-c", command) if guest else (f"{here}/10_nfs_kernel.sh", build)
    done = subprocess.run(args, env=env)
    assert done.returncode == 0, guest or "10_nfs_kernel.sh"


def drop_often(share, stop, dropped):
    while not stop.wait(DROP_EVERY_S):
        share.push()
        before = share.stats()["local_whole_bytes"]
        share.gateway.ctl("store", "block", "evict", "--share", "/" + share.name)
        dropped.append(before)


def main():
    gateway, well = Gateway(build, os.environ["S3_ENDPOINT"]), False
    try:
        share = Share(gateway, "kernel")
        stop, dropped, start = threading.Event(), [], time.monotonic()
        if not quick:
            t = threading.Thread(target=drop_often, args=(share, stop, dropped), daemon=True)
            t.start()
            kernel(share)
            stop.set()
            t.join(120)
            assert sum(dropped) > 0, "nothing was ever dropped"
            print(f"ok      all workloads, what is here dropped {len(dropped)} times meanwhile,"
                  f" {sum(dropped) >> 20} MiB seen before ({time.monotonic() - start:.0f} s)", flush=True)
        kernel(share, "1", "1" if quick else "0", "leave")
        share.drain(DRAIN_S)
        checked = share.bucket_is_right()
        assert checked > 0
        share.evict()
        gateway.ctl("share", "disable", "/" + share.name)
        gateway.ctl("share", "enable", "/" + share.name)
        s = share.stats()
        assert s["local_whole_bytes"] == 0, s
        kernel(share, "4", "1" if quick else "0", "again")
        s = share.stats()
        assert s["local_part_bytes"] > 0, s
        gateway.says_no_secret()
        print(f"ok      kernel: {'a tree' if quick else 'all workloads, and a tree'} left, drained,"
              f" {checked} containers right in the bucket, compared anew from there alone")
        well = True
    finally:
        gateway.end(well)


main()
