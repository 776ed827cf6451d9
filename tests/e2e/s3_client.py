#!/usr/bin/env python3
"""s3_client.py PORT SHARE WORK QUICK PART...: what 40_s3.sh does to a share, on the wire.

cold    write, drain, drop what is local, read all back       small   how many PUTs small files cost
away    the remote goes away under load and comes back
"""
import glob, json, os, random, signal, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rest"))
import nfs3

port, share, work, quick = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "1"
parts = sys.argv[5:]
PIECE, FILES, SMALL = 256 << 10, 6 if quick else 24, 300 if quick else 3000
SEED = int(os.environ.get("S3_CLIENT_SEED", "0"))    # other contents: the same are stored once
AWAY_S = 5 if quick else 40
containers = f"{work}/state/stores/l/{share}/containers"


def ctl(*args):
    done = subprocess.run(("dfsctl",) + args + ("-o", "json"), capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def stats():
    return ctl("store", "block", "stats", "--share", "/" + share)


def client():
    c = nfs3.Client(port, 0, 0)
    c.mount("/" + share)
    return c


def patient(call, *args):
    """JUKEBOX is an answer, not an error: come again."""
    for _ in range(400):
        got = call(*args)
        status = got[0] if isinstance(got, tuple) else got
        if status != nfs3.JUKEBOX:
            return got
        time.sleep(0.05)
    raise AssertionError("JUKEBOX for ever")


def write_file(c, name, bytes_):
    st, fh = patient(c.create, name)[:2]
    assert st == nfs3.OK, (name, st)
    for at in range(0, len(bytes_), PIECE):
        st = patient(c.write, fh, bytes_[at:at + PIECE], at, 0)
        st = st[0] if isinstance(st, tuple) else st
        assert st == nfs3.OK, (name, at, st)
    return fh


def compare(c, fh, name, bytes_):
    for at in range(0, len(bytes_), PIECE):
        st, got = patient(c.read, fh, at, PIECE)[:2]
        assert st == nfs3.OK, (name, at, st)
        assert got == bytes_[at:at + PIECE], (name, at, "differs")


def drain():
    ctl("system", "drain-uploads", "--timeout", "120s")
    s = stats()
    assert s["drained"] and s["pending_uploads"] == 0 and s["unsynced_bytes"] == 0, s
    return s


def gone_cold():
    ctl("store", "block", "evict", "--share", "/" + share)
    for _ in range(300):
        if not glob.glob(containers + "/*.dfc"):
            return
        time.sleep(0.1)
    raise AssertionError("local containers stay: %s" % stats())


def lines_seen(word):
    """Of our server's list of requests."""
    with open(os.environ["S3_REQUESTS"]) as f:
        return sum(line.startswith(word) for line in f)


def signal_server(*signals):
    """Another's server is left alone."""
    for s in signals if "S3_SERVER_PID" in os.environ else ():
        os.kill(int(os.environ["S3_SERVER_PID"]), s)


def away(how):
    """The folder's objects cannot be named while a file stands where their folder was; a server
    of ours first hangs, then cuts connections."""
    if share == "bucket":
        signal_server(*{"at first": (signal.SIGSTOP,), "later": (signal.SIGUSR1, signal.SIGCONT),
                        "no more": (signal.SIGUSR2,)}[how])
        return
    far = glob.glob(f"{work}/far/[0-9a-f]*")[0].removesuffix(".away")
    if how == "at first":
        os.rename(far, far + ".away")
        open(far, "w").close()
    elif how == "no more":
        os.remove(far)
        os.rename(far + ".away", far)


def puts_seen(s):
    """PUTs as the other side has them: our server's list of requests, the folder's files; of
    another's server we know only what we sent."""
    if share == "folder":
        return len([f for _, _, names in os.walk(f"{work}/far") for f in names])
    if "S3_REQUESTS" in os.environ:
        return lines_seen("PUT ")
    return s["puts"]


def evict(*args):
    done = subprocess.run(("dfsctl", "share", "evict", "/" + share) + args, capture_output=True, text=True)
    return done.returncode, done.stderr


def below_and_pinned(whole):
    """Of what is here, as much as one file needs; then nothing, though it is asked for and long unused."""
    assert evict("--below", "/no/such")[0] != 0
    assert evict("--older-than", "24h")[0] == 0
    time.sleep(1)
    assert stats()["local_whole_bytes"] == whole, stats()
    assert evict("--below", "/file0")[0] == 0
    for _ in range(100):
        if stats()["local_whole_bytes"] < whole:
            break
        time.sleep(0.1)
    assert 0 < stats()["local_whole_bytes"] < whole, (whole, stats())
    ctl("share", "edit", "/" + share, "--retention", "pin")
    code, said = evict()
    assert code != 0 and "pinned" in said, (code, said)
    shown = ctl("share", "edit", "/" + share, "--retention", "ttl", "--retention-ttl", "36h")
    assert (shown["retention_policy"], shown["retention_ttl"]) == ("ttl", "36h"), shown
    ctl("share", "edit", "/" + share, "--retention", "lru")


def cold():
    c = client()
    files = {}
    for i in range(FILES):
        data = random.Random(i + 1000 * SEED).randbytes(random.Random(i).choice((5000, 1 << 20, 3 << 20)))
        files[f"file{i}"] = (write_file(c, f"file{i}", data), data)
        if i == 0:
            drain()     # it has a container of its own
    s = drain()
    assert s["completed_syncs"] > 0, s
    print(f"ok      {share}: {FILES} files written and drained: {s['completed_syncs']} containers,"
          f" {s['completed_bytes'] >> 20} MiB in {s['puts']} PUTs")
    gone_cold()
    ctl("share", "disable", "/" + share)
    ctl("share", "enable", "/" + share)
    c = client()
    start = time.monotonic()
    for name, (fh, data) in files.items():
        compare(c, fh, name, data)
    assert stats()["local_part_bytes"] > 0 and stats()["local_whole_bytes"] == 0, stats()
    ctl("share", "warm", "/" + share, "--below", "/file0", "--watch")
    assert stats()["local_whole_bytes"] > 0, stats()
    ctl("share", "warm", "/" + share, "--watch")
    warm = ctl("share", "warm", "/" + share, "--status")
    assert warm["state"] == "done" and warm["blocks_done"] == warm["blocks_total"] > 0, warm
    assert not warm["warning"] and not warm["blocks_damaged"], warm
    below_and_pinned(stats()["local_whole_bytes"])
    for name, (fh, data) in files.items():
        compare(c, fh, name, data)
    print(f"ok      {share}: all read back cold after reopening ({time.monotonic() - start:.1f} s)")


def small():
    """Small files share their objects."""
    c, files = client(), []
    before = puts_seen(drain())
    for i in range(SMALL):
        data = random.Random(-1 - i).randbytes(4096)
        files.append((write_file(c, f"small{i}", data), f"small{i}", data))
    puts = puts_seen(drain()) - before
    assert 0 < puts < SMALL / 4, puts
    gone_cold()
    for fh, name, data in random.Random(0).sample(files, 100):
        compare(c, fh, name, data)
    print(f"ok      {share}: {SMALL} small files, {puts} PUTs, {puts / SMALL:.4f} a file")


def outage():
    """Two writers and a reader of local data go on while the remote is away."""
    stop, written, errors, reads = threading.Event(), [], [], []
    local = random.Random(-1).randbytes(1 << 20)
    local_fh = write_file(client(), "local", local)
    drain()

    def writer(n):
        try:
            w, i = client(), 0
            while not stop.is_set():
                data = random.Random(n * 1000 + i).randbytes(1 << 20)
                name = f"away{n}-{i}"
                written.append((write_file(w, name, data), name, data))
                i += 1
                time.sleep(0.05 if quick else 0.4)
        except Exception as e:
            errors.append(repr(e))

    def reader():
        try:
            r = client()
            while not stop.is_set():
                compare(r, local_fh, "local", local)
                reads.append(time.monotonic())
                time.sleep(0.1)
        except Exception as e:
            errors.append(repr(e))

    threads = [threading.Thread(target=writer, args=(n,), daemon=True) for n in range(2)]
    threads.append(threading.Thread(target=reader, daemon=True))
    for t in threads:
        t.start()
    for how in ("at first", "later"):
        away(how)
        end = time.monotonic() + AWAY_S / 2
        while time.monotonic() < end:		# pack and send now, not when it has some age
            subprocess.run(("dfsctl", "system", "drain-uploads", "--timeout", "1s"),
                           capture_output=True)
    stop.set()
    for t in threads:
        t.join()
    then = stats()
    away("no more")
    assert not errors, errors
    assert len(written) > 2 and len(reads) > AWAY_S, (len(written), len(reads))
    if share == "folder":
        assert not then["remote_healthy"], then
    elif "S3_SERVER_PID" in os.environ:
        assert lines_seen("CUT") > 0 and (quick or not then["remote_healthy"]), then
    s = drain()
    gone_cold()
    c = client()
    for fh, name, data in written:
        compare(c, fh, name, data)
    print(f"ok      {share}: the remote away {AWAY_S} s under load: {len(written)} files,"
          f" {len(reads)} reads, {s['failed_syncs']} calls failed, no error, recovered")


for part in parts:
    {"cold": cold, "small": small, "away": outage}[part]()
