#!/usr/bin/env python3
"""tuning.py BUILD: what an operator changes of a share while clients work: durability, size of the journal,
compression, quota.  In force from the answer on, no connection broken, nothing STALE, nothing told to come again."""
import os, random, signal, sys, threading, time, urllib.request
sys.dont_write_bytecode = True
from nfs3 import *
from plane import Plane, ok, done

p = Plane(sys.argv[1] if len(sys.argv) > 1 else ".", {"DITTOFS_CARVE_AGE": "1"})
p.share(metadata="leveldb", squash="none", default_permission="read-write", local_store_size="64MiB")
KIB, MIB = 1 << 10, 1 << 20

def put(**fields):
    return p.must("PUT", "/shares/export", fields)

def metric(name, share="/export"):
    page = urllib.request.urlopen(f"http://127.0.0.1:{p.metrics}/metrics").read().decode()
    return int(next(x for x in page.splitlines() if x.startswith(f'dittofs_{name}{{share="{share}"}}')).split()[1])

c = Client(p.nfs, 0)
ok(c.mount() == OK, "mounted")

# --- quota ---
free = c.fsstat()[1]
put(quota_bytes="1MiB")
ok(c.fsstat() == (MIB, MIB) and free > MIB, "an empty share is as large as its quota", c.fsstat())
fh = c.create("a")[1]
ok(c.write(fh, b"a" * 512 * KIB) == OK and c.fsstat() == (MIB, 512 * KIB), "half of it is taken", c.fsstat())
ok(c.write(fh, b"b" * 513 * KIB, 512 * KIB) == NOSPC, "a byte too many is refused")
ok(c.getattr(fh)[1]["size"] == 512 * KIB and c.fsstat() == (MIB, 512 * KIB), "and changes nothing", c.fsstat())
ok(c.write(fh, b"b" * 512 * KIB, 512 * KIB) == OK and c.fsstat() == (MIB, 0), "to the last byte it fits", c.fsstat())
ok(c.write(fh, b"c", MIB, 0) == NOSPC, "an UNSTABLE write as well")
ok(c.write(fh, b"c" * 64 * KIB, 100) == OK and c.commit(fh) == OK, "what is there may be written again")
empty = c.create("empty")
ok(empty[0] == OK and c.write(empty[1], b"x") == NOSPC and c.remove("empty") == OK, "an empty file takes nothing")
ok(c.truncate(fh, 256 * KIB) == OK and c.fsstat() == (MIB, 768 * KIB), "cutting a file gives room", c.fsstat())
ok(c.truncate(fh, MIB) == OK and c.fsstat() == (MIB, 768 * KIB), "a hole takes none", c.fsstat())
put(quota_bytes="128KiB")
ok(c.fsstat() == (256 * KIB, 0), "lowered below what is taken: nothing is free", c.fsstat())
ok(c.write(fh, b"d" * 8, MIB) == NOSPC and c.read(fh, 0, 1)[1] == b"a", "no more is written, all is read")
ok(c.truncate(fh, 64 * KIB) == OK and c.fsstat() == (128 * KIB, 64 * KIB), "cutting works below it", c.fsstat())
ok(c.remove("a") == OK and c.fsstat() == (128 * KIB, 128 * KIB), "so does removing", c.fsstat())
put(quota_bytes="8MiB")
shown = p.must("GET", "/shares/export")
ok(shown["quota_bytes"] == "8MiB" and shown["used_bytes"] == 0 and metric("store_quota_bytes") == 8 * MIB, "it is shown", shown)
line = next(x for x in p.ctl("share", "list").stdout.splitlines() if "/export" in x)
ok("8MiB" in line, "share list shows it", line)

for size in ("8MiB", "8388608", "'8192 KiB'"):
    with open(p.home + "/site.yaml", "w") as f:
        f.write("shares:\n  - name: /export\n    metadata_store: leveldb\n    local_block_store: fs\n"
                f"    local_store_size: 67108864\n    quota_bytes: {size}\n")
    said = p.ctl("apply", "--file", p.home + "/site.yaml").stdout
    ok("0 changes" in said, f"apply: {size} is what is there", said)

def fill(n, wrote):
    """64 KiB blocks until the quota ends it."""
    me = Client(p.nfs, 0)
    me.mount()
    mine, at = me.create(f"fill{n}")[1], 0
    while (st := me.write(mine, os.urandom(64 * KIB), at, n % 3)) == OK:
        at += 64 * KIB
    me.commit(mine)
    wrote[n] = (at, st)

wrote = {}
threads = [threading.Thread(target=fill, args=(n, wrote)) for n in range(6)]
[t.start() for t in threads]
[t.join() for t in threads]
ok(all(st == NOSPC for _, st in wrote.values()), "six writers end at the quota", wrote)
ok(sum(at for at, _ in wrote.values()) == 8 * MIB and c.fsstat() == (8 * MIB, 0), "together they wrote it to the byte", (wrote, c.fsstat()))
p.process.send_signal(signal.SIGKILL)
p.process.wait()
p.start()
c = Client(p.nfs, 0)
ok(c.mount() == OK and c.fsstat() == (8 * MIB, 0) and c.write(c.create("more")[1], b"x") == NOSPC, "so it is after kill -9", c.fsstat())
ok(all(c.remove(f"fill{n}") == OK for n in range(6)) and c.fsstat() == (8 * MIB, 8 * MIB), "deleting always works", c.fsstat())
put(quota_bytes=0)
ok(c.fsstat()[0] > 8 * MIB and c.write(c.create("large")[1], bytes(MIB), 9 * MIB) == OK, "without a quota the disk is the end")

# --- under load ---
bad, stop, count = [], threading.Event(), [0]

def work(n):
    try:
        me = Client(p.nfs, 0)
        me.mount()
        mine = me.create(f"load{n}")[1]
        r = random.Random(n)
        while not stop.is_set():
            data, at = bytes(r.randrange(256) for _ in range(64)) * 256, r.randrange(64) * 16 * KIB
            for st, what in ((me.write(mine, data, at, r.choice((0, 2))), "write"), (me.read(mine, at, len(data)) != (OK, data), "read"),
                             (me.create(f"n{n}")[0], "create"), (me.remove(f"n{n}"), "remove"), (me.commit(mine), "commit")):
                if st:
                    bad.append((n, what, st))
            count[0] += 1
    except Exception as e:
        bad.append((n, repr(e)))

threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]
limits = set()
for i in range(24):
    put(durability=("writeback", "local")[i % 2], local_store_size=("64MiB", "256MiB")[i // 2 % 2], compression=("none", "zstd-1", "zstd-9")[i % 3],
        quota_bytes=("1GiB", 0)[i % 2], read_only=False, squash="none")
    limits.add(metric("share_dirty_limit_bytes"))
    time.sleep(0.1)
stop.set()
[t.join() for t in threads]
ok(not bad and count[0] > 100, f"{count[0]} rounds of four clients while it was tuned 24 times", bad[:5])
ok(limits == {64 * MIB, 256 * MIB}, "the journal's size is in force at once", limits)
with open(p.home + "/out") as f:
    ok("share.close" not in f.read(), "the share was never closed")

def taken():
    """Bytes of the containers here."""
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(p.home) for f in files if "pack" in d and "container" in d)

p.share("/pack", metadata="leveldb", squash="none", default_permission="read-write", local_store_size="64MiB", compression="none")
c = Client(p.nfs, 0)
c.mount("/pack")

def carved(name):
    """What 4 MiB that compress to half take once they are in containers."""
    before = taken()
    fh = c.create(name)[1]
    for at in range(0, 4 * MIB, 512 * KIB):
        c.write(fh, os.urandom(256 * KIB).hex().encode(), at)
    end = time.time() + 30
    while time.time() < end and (metric("share_dirty_bytes", "/pack") > 0 or taken() - before < 2 * MIB):
        time.sleep(0.2)
    return taken() - before

plain = carved("plain")
p.must("PUT", "/shares/pack", {"compression": "zstd-1"})
small = carved("small")
ok(plain > 4 * MIB > 1.4 * small > 0, "what is carved from then on is compressed", (plain, small))
ok(p.stop() == 0, "it stops well")
done("tuning")
