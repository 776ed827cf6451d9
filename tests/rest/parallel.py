#!/usr/bin/env python3
"""parallel.py BUILD [SECONDS]: many clients of REST at once, reading and changing the same things, beside clients
of NFS that feel it.  No answer above 499 but 503 with a reason, no NFS answer but those that rules allow; the daemon,
built with a sanitizer, ends well."""
import collections, http.client, random, sys, threading, time
sys.dont_write_bytecode = True
from nfs3 import *
from plane import Plane, ok, done

build = sys.argv[1] if len(sys.argv) > 1 else "."
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 12
p = Plane(build)
p.share(local_store_size="64MiB", default_permission="read-write", squash="none")
p.share("/flip", local_store_size="64MiB")
p.must("POST", "/adapters/nfs/netgroups", {"name": "lab"})
for i in range(4):
    p.must("POST", "/users", {"username": f"u{i}", "uid": 2000 + i})
    p.must("POST", "/groups", {"name": f"g{i}", "gid": 3000 + i})
seen, wire, faults, stop = collections.Counter(), collections.Counter(), [], threading.Event()

def one(rng, me):
    """A request: method, path, body."""
    u, g = rng.randrange(4), rng.randrange(4)
    mine = f"t{me}_{rng.randrange(6)}"
    return rng.choice((
        ("GET", "/shares"), ("GET", "/shares/export"), ("GET", "/users?limit=3"), ("GET", f"/users/u{u}"), ("GET", "/audit?limit=20"),
        ("GET", "/clients"), ("GET", "/mounts"), ("GET", "/system/metrics"), ("GET", "/adapters/nfs/settings"), ("GET", "/settings"),
        ("GET", f"/explain/access?path=/export/f&user=u{u}&via=nfs"), ("GET", "/openapi.json"),
        ("POST", "/users", {"username": mine, "share_permissions": {"/export": "read"}}), ("DELETE", f"/users/{mine}"),
        ("PUT", f"/shares/export/permissions/users/u{u}", {"level": rng.choice(("none", "read", "read-write"))}),
        ("DELETE", f"/shares/export/permissions/users/u{u}"), ("PUT", f"/shares/export/permissions/groups/g{g}", {"level": "read-write"}),
        ("POST", f"/groups/g{g}/members", {"username": f"u{u}"}), ("DELETE", f"/groups/g{g}/members/u{u}"),
        ("PUT", "/shares/export", {"read_only": rng.random() < 0.2, "export_rules": rng.choice(("", "@lab *(rw,none)", "127.0.0.0/8(rw,none)"))}),
        ("POST", "/adapters/nfs/netgroups/lab/members", {"type": "ip", "value": f"10.0.{u}.{g}"}), ("GET", "/adapters/nfs/netgroups/lab"),
        ("PATCH", "/adapters/nfs/settings", {"max_read_size": rng.choice((4096, 65536)), "blocked_operations": rng.choice(([], ["mknod"]))}),
        ("POST", f"/shares/flip/{rng.choice(('enable', 'disable'))}"), ("PUT", "/shares/flip", {"durability": rng.choice(("local", "writeback"))}),
        ("PUT", "/shares/export", {"durability": rng.choice(("local", "writeback")), "local_store_size": rng.choice(("64MiB", "1GiB")),
                                   "compression": rng.choice(("none", "zstd-1")), "quota_bytes": rng.choice((0, "1GiB"))}),
        ("POST", "/identity-mappings", {"provider_name": "sys", "principal": str(5000 + u), "username": f"u{u}"}),
        ("DELETE", f"/identity-mappings/by-provider/sys/{5000 + u}"), ("PUT", "/settings/logging.level", {"value": "info"}),
    ))

def operator(me):
    rng, c = random.Random(me), http.client.HTTPConnection("127.0.0.1", p.rest, timeout=60)
    while not stop.is_set():
        method, path, *body = one(rng, me)
        a = p.ask(method, "/api/v1" + path, body[0] if body else None, connection=c)
        seen[a.code] += 1
        if a.code >= 500 and not (a.code == 503 and a.type.startswith("application/problem")):
            faults.append(f"{method} {path}: {a.code} {a.text[:200]}")

def client(me):
    c = Client(p.nfs, 2000 + me)
    c.mount()
    while not stop.is_set():
        st, fh = c.create(f"f{me}", mode=0o666)
        wire[st] += 1
        if st == OK and fh:
            for st in (c.write(fh, b"x" * 4096), c.read(fh)[0], c.getattr(fh)[0]):
                wire[st] += 1
        wire[c.lookup("f")[0]] += 1

def guarded(work, me):
    try:
        work(me)
    except Exception as e:
        faults.append(f"{work.__name__} {me}: {type(e).__name__} {e}")

threads = [threading.Thread(target=guarded, args=(operator, i)) for i in range(8)]
threads += [threading.Thread(target=guarded, args=(client, i)) for i in range(4)]
for t in threads:
    t.start()
time.sleep(seconds)
stop.set()
for t in threads:
    t.join(90)
ok(not any(t.is_alive() for t in threads), "all came to an end")
ok(not faults, f"REST: {sum(seen.values())} answers, {dict(seen)}", faults[:10])
ok(set(wire) <= {OK, NOENT, ACCES, ROFS} and wire[OK] > 20, f"NFS: {sum(wire.values())} answers, no STALE, no fault", dict(wire))
code = p.stop()
ok(code == 0, "the daemon ends well", code)
if code:
    with open(p.home + "/out", errors="replace") as f:
        said = f.read()
    at = max(said.find("WARNING: "), said.find("ERROR: "), 0)
    sys.stderr.write(said[at:at + 9000] if at else said[-3000:])
done("many clients at once")
