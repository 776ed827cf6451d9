#!/usr/bin/env python3
"""storms.py BUILD QUICK [STORM...]: a share whose bucket has a bad day; one line a storm.

Through a proxy that spoils what passes (tests/s3/fault_proxy.py), under load: two writers, who
also overwrite, a reader of local data, readers of what only the bucket has, and GETATTRs.  During
it: no error, no wrong byte, local data as ever.  After it: all is sent within RECOVER_S, without a
hand; each container lies in the bucket byte for byte; all comes back from the bucket alone.
"""
import random, sys, threading, time
from gateway import *

build, quick = sys.argv[1], sys.argv[2] == "1"
RECOVER_S = 240			# pauses between tries grow to a minute
SHORT_S = 6			# of one that --quick leaves out, where it is named
LOCAL_S = 10			# any one read of local data, on a busy machine; a wedge takes longer
STOP_S = 8			# a call to the bucket takes ten; without any it is one or two
COLD_FILES, COLD_BYTES, COLD_READERS = (4, 2 << 20, 4) if quick else (12, 4 << 20, 6)


def status(code, share, *words):
    return [{"how": "status", "status": code, "code": w, "share": share} for w in words]


STORMS = {	# name: faults, seconds, seconds of --quick (0: not among those)
    "503": (status(503, .8, "SlowDown"), 60, 5),
    "errors": (status(500, .2, "InternalError") + status(502, .2, "") + status(504, .2, "") +
               status(429, .2, "TooManyRequests"), 60, 0),
    "hang": ([{"how": "hang"}], 60, 8),
    "lost": ([{"how": "lose", "share": .5}], 60, 0),
    "cut": ([{"how": "cut", "share": .5, "of": ["GET"]}], 40, 0),
    "short": ([{"how": "short", "share": .5, "of": ["GET"]}], 40, 0),
    "flip": ([{"how": "flip", "share": .5}], 40, 0),
    "bend": ([{"how": "bend", "share": .5}], 40, 0),
    "reset": ([{"how": "reset", "share": .6}], 40, 0),
    "slow": ([{"how": "slow", "rate": 400_000}], 60, 0),
    "wrong": ([{"how": "wrong"}], 60, 5),
    "broken": ([{"how": h, "share": .15} for h in ("lose", "cut", "short", "flip", "bend", "reset")],
               60, 8),
    "all": ([{"how": h, "share": .1} for h in ("hang", "lose", "cut", "short", "flip", "bend",
            "reset")] + status(503, .2, "SlowDown"), 120, 0),
    "gone": ([{"how": "gone"}], 600, 10),
}


class Load:
    """What goes on in a share; errors: what no client may see."""
    def __init__(self, share):
        self.share, self.stop, self.errors, self.threads = share, threading.Event(), [], []
        self.worst, self.delayed = collections.Counter(), 0
        self.count = collections.Counter()

    def begin(self, work, *args):
        def run():
            try:
                c = self.share.client()
                while not self.stop.is_set() and work(c, *args) is not False:
                    self.count[work.__name__] += 1
            except Exception as e:
                self.errors.append(f"{work.__name__}: {e!r}")
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(400)
            assert not t.is_alive(), "a client hangs"

    def timed(self, name, call, *args):
        start = time.monotonic()
        got = call(*args)
        self.worst[name] = max(self.worst[name], time.monotonic() - start)
        return got

    def writer(self, c, n):
        i = self.count["writer"]
        name = f"w{n}-{i}-{random.getrandbits(32):x}"
        data = random.randbytes(random.choice((3000, 200_000, 1 << 20)))
        fh = self.share.write(c, name, data)
        if i % 3 == 0 and len(data) > 100_000:		# a part anew, acknowledged as durable
            part, at = random.randbytes(50_000), random.randrange(len(data) - 50_000)
            assert patient(c.write, fh, part, at, 2) == nfs3.OK
            self.share.files[name] = (fh, data[:at] + part + data[at + len(part):])
        time.sleep(.3)

    def local(self, c):
        """Answered at once, JUKEBOX is none."""
        read = lambda *a: self.timed("local", *a)
        self.share.compare(c, "local", read)
        assert self.timed("getattr", c.getattr, self.share.files["local"][0])[0] == nfs3.OK
        time.sleep(.02)

    def cold(self, c):
        """JUKEBOX is an answer; other bytes, or an error, are not."""
        fh, data = self.share.files[f"cold{random.randrange(COLD_FILES)}"]
        at = random.randrange(0, len(data), PIECE)
        st, got = c.read(fh, at, PIECE)[:2]
        self.count["delayed"] += st == nfs3.JUKEBOX
        assert st in (nfs3.OK, nfs3.JUKEBOX), (at, st)
        assert st != nfs3.OK or got == data[at:at + PIECE], (at, "differs")
        time.sleep(.05)


def recovers(share, during, load):
    """Until the remote is called healthy and containers arrive again, with nobody asking for it; the
    seconds it took."""
    start, s = time.monotonic(), during
    while time.monotonic() - start < RECOVER_S and not load.errors:
        time.sleep(.2)
        s = share.stats()
        if s["remote_healthy"] and s["completed_syncs"] > during["completed_syncs"]:
            return time.monotonic() - start
    raise AssertionError(("not recovered", load.errors[:4], s))


def storm(gateway, proxy, name):
    faults, seconds, short = STORMS[name]
    seconds = (short or SHORT_S) if quick else seconds
    share = Share(gateway, "s" + name)
    c = share.client()
    for i in range(COLD_FILES):
        share.write(c, f"cold{i}", random.randbytes(COLD_BYTES))
    share.drain(120)
    share.evict()
    share.write(c, "local", random.randbytes(1 << 20))
    load = Load(share)
    before = proxy.set(*faults)
    for n in range(2):
        load.begin(load.writer, n)
    load.begin(load.local)
    for _ in range(COLD_READERS):
        load.begin(load.cold)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not load.errors:
        if time.monotonic() < end - seconds / 2:
            share.push()
        else:				# from here on it is left alone, and its pauses grow
            time.sleep(.1)
    after = proxy.set()
    during = share.stats()
    took = recovers(share, during, load)
    load.end()
    assert not load.errors, load.errors[:4]
    share.drain(RECOVER_S)
    hits = sum(after.get(f["how"], 0) - before.get(f["how"], 0) for f in {f["how"]: f for f in faults}.values())
    if name == "gone":
        assert during["failed_syncs"] > 0, during
    else:
        assert hits > 0, (before, after)
    checked = share.bucket_is_right()
    back = share.all_cold()
    assert max(load.worst.values()) < LOCAL_S, load.worst
    print(f"ok      {name:7} {seconds:4} s: {hits:4} faults, {during['failed_syncs']:3} calls failed, "
          f"{load.count['writer']:4} files, {load.count['cold']:5} cold reads, {load.count['delayed']:4} "
          f"delayed, local <= {load.worst['local'] * 1000:.0f} ms; back in {took:.1f} s, "
          f"{checked} containers right, read in {back:.1f} s", flush=True)
    gateway.ctl("share", "disable", "/" + share.name)


def wrong_keys(gateway):
    """A store named with a secret that is wrong: nothing is lost, its error says why; and with the
    right one, given while the share is disabled, all is sent.  Its place does not change."""
    share = Share(gateway, "rekeyed", secret="not-the-secret-key")
    gateway.secrets.append("not-the-secret-key")
    c = share.client()
    for i in range(4):
        share.write(c, f"f{i}", random.randbytes(1 << 20))
    end = time.monotonic() + 60
    while "403" not in share.stats()["last_error"]:
        share.push()
        assert time.monotonic() < end, share.stats()
    share.compare(c, "f1")
    assert share.stats()["completed_syncs"] == 0
    edit = lambda prefix: gateway.try_ctl("store", "block", "remote", "edit", share.name,
                                          *gateway.store_options(prefix, os.environ["S3_SECRET_KEY"]))
    assert not edit(share.name), "keys change under a share that is open"
    gateway.ctl("share", "disable", "/" + share.name)
    assert not edit("elsewhere"), "its place changes"
    assert edit(share.name), "its keys do not change"
    gateway.ctl("share", "enable", "/" + share.name)
    took = share.drain(RECOVER_S)
    print(f"ok      keys wrong, then right: sent in {took:.1f} s, {share.bucket_is_right()} containers right,"
          f" read in {share.all_cold():.1f} s", flush=True)


def stops(gateway, proxy):
    """While the bucket hangs, a share is closed and the server stopped without waiting for what is on
    its way: readers of what only the bucket has, an upload, a container that is being warmed."""
    shares = [Share(gateway, "stops"), Share(gateway, "closes")]
    for share in shares:
        c = share.client()
        for i in range(COLD_FILES):
            share.write(c, f"cold{i}", random.randbytes(COLD_BYTES))
        share.drain(120)
        share.evict()
    proxy.set({"how": "hang"})
    loads = [Load(share) for share in shares]
    for share, load in zip(shares, loads):
        for _ in range(COLD_READERS):
            load.begin(load.cold)
        load.begin(load.writer, 0)
        gateway.ctl("share", "warm", "/" + share.name)
    time.sleep(1)
    for load in loads:
        load.stop.set()
    start = time.monotonic()
    gateway.ctl("share", "disable", "/closes")
    closed = time.monotonic() - start
    start = time.monotonic()
    gateway.stop()
    stopped = time.monotonic() - start
    proxy.set()
    assert max(closed, stopped) < STOP_S, (closed, stopped)
    print(f"ok      beside a bucket that hangs a share is closed in {closed:.1f} s, the server stops in "
          f"{stopped:.1f} s", flush=True)


def main(names):
    proxy = Proxy()
    gateway, well = Gateway(build, proxy.endpoint), False
    try:
        for name in [n for n in names if n not in ("keys", "stop")] if names else [
                n for n in STORMS if not quick or STORMS[n][2]]:
            storm(gateway, proxy, name)
        if not names or "keys" in names:
            wrong_keys(gateway)
        if names != ["stop"]:
            gateway.says_no_secret()
            print("ok      no secret in log, metrics or lists")
        if not names or "stop" in names:
            stops(gateway, proxy)
        well = True
    finally:
        gateway.end(well)
        proxy.end()


main(sys.argv[3:])
