#!/usr/bin/env python3
"""cap.py BUILD QUICK: the bucket is gone for long, and what may lie here has a bound.

Writers go on at full speed until the share's local store is three quarters full, are slowed, and
then hear JUKEBOX: never an error, and never more on the disk than the bound.  Names and attributes
go on as before.  Once the bucket is back all is sent, writers go on, and what was acknowledged comes
back from the bucket alone.
"""
import random, sys, threading, time
from gateway import *

build, quick = sys.argv[1], sys.argv[2] == "1"
CAP, AWAY_S = (96 << 20, 30) if quick else (1 << 30, 600)
RECOVER_S, WRITERS, FILE_BYTES = 240, 2, 4 << 20
ATTR_S = 5			# the worst GETATTR, on a busy machine
stop, errors = threading.Event(), []
delays, attrs, speed = [], [], []	# when JUKEBOX was heard; GETATTR: when, how long; a write: when


def writer(share, n):
    """Files of random bytes; the model grows with what is acknowledged, and no further."""
    try:
        c, i = share.client(), 0
        while not stop.is_set():
            name, data, at = f"w{n}-{i}", random.randbytes(FILE_BYTES), 0
            st, fh = patient(c.create, name, limit_s=AWAY_S + RECOVER_S)[:2]
            assert st == nfs3.OK, st
            while at < len(data) and not stop.is_set():
                st = c.write(fh, data[at:at + PIECE], at, 2)
                assert st in (nfs3.OK, nfs3.JUKEBOX), (name, at, st)
                if st == nfs3.JUKEBOX:
                    delays.append(time.monotonic())
                    time.sleep(.2)
                    continue
                speed.append(time.monotonic())
                at += PIECE
            share.files[name] = (fh, data[:at])
            i += 1
    except Exception as e:
        errors.append(f"writer: {e!r}")


def looker(share):
    """Names and attributes: no JUKEBOX, and at once."""
    try:
        c, i = share.client(), 0
        while not stop.is_set():
            start = time.monotonic()
            assert c.getattr()[0] == nfs3.OK
            attrs.append((start, time.monotonic() - start))
            if i % 10 == 0:
                st, fh = c.create(f"name{i}")
                assert st == nfs3.OK, st
            time.sleep(.02)
            i += 1
    except Exception as e:
        errors.append(f"looker: {e!r}")


def used(share):
    """Bytes of containers on the disk, and of data that is not carved."""
    s = share.stats()
    return s["local_whole_bytes"] + s["unsynced_bytes"]


def percentile(v, of):
    return sorted(v)[min(len(v) - 1, int(len(v) * of))] * 1000


def main():
    proxy = Proxy()
    gateway, well = Gateway(build, proxy.endpoint, local_max=str(CAP)), False
    try:
        share = Share(gateway, "cap")
        share.write(share.client(), "first", random.randbytes(FILE_BYTES))
        share.drain(RECOVER_S)
        threads = [threading.Thread(target=writer, args=(share, n), daemon=True) for n in range(WRITERS)]
        threads.append(threading.Thread(target=looker, args=(share,), daemon=True))
        proxy.set({"how": "gone"})
        start, most = time.monotonic(), 0
        for t in threads:
            t.start()
        while time.monotonic() < start + AWAY_S and not errors:
            most = max(most, used(share))
            time.sleep(.2)
        at_cap, refused = share.stats(), len(delays)
        proxy.set()
        back = time.monotonic()
        while not errors and time.monotonic() < back + RECOVER_S and not any(
                t > back for t in list(speed)):
            time.sleep(.1)
        again = min((t for t in list(speed) if t > back), default=None)
        time.sleep(2)
        stop.set()
        for t in threads:
            t.join(60)
            assert not t.is_alive(), "a client hangs"
        assert not errors, errors[:4]
        full = min(delays, default=None)
        assert full is not None and refused > 0, ("the bound was never met", at_cap)
        assert not at_cap["remote_healthy"], at_cap
        assert most <= CAP, ("more than the bound lay here", most, CAP)
        assert most > CAP * 3 // 4, ("stopped too early", most, CAP)
        assert again is not None, ("writers do not go on", share.stats())
        quiet = [d for t, d in attrs if t < start + (full - start) / 2]
        busy = [d for t, d in attrs if full <= t < back]
        assert busy and max(busy) < ATTR_S, max(busy, default=None)
        share.drain(RECOVER_S)
        checked, took = share.bucket_is_right(), share.all_cold()
        gateway.says_no_secret()
        third = [sum(start <= t - (full - start) * k / 3 < start + (full - start) / 3 for t in speed)
                 for k in range(3)]
        print(f"ok      bucket gone {AWAY_S} s, bound {CAP >> 20} MiB: full after {full - start:.1f} s"
              f" (writes in each third of it: {third[0]}, {third[1]}, {third[2]}), {most >> 20} MiB at"
              f" most, then JUKEBOX {refused} times, no error")
        print(f"ok      GETATTR p99 {percentile(quiet, .99):.1f} ms before, {percentile(busy, .99):.1f} ms"
              f" while writers wait, worst {max(busy) * 1000:.0f} ms, of {len(busy)}")
        print(f"ok      writers went on {again - back:.1f} s after the bucket was back; {checked} containers"
              f" right, {len(share.files)} files read back cold in {took:.1f} s")
        well = True
    finally:
        gateway.end(well)
        proxy.end()


main()
