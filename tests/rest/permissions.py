#!/usr/bin/env python3
"""permissions.py BUILD: levels, squash, mapped uids and netgroups as NFS clients meet them, changed while
clients work: in force from the answer on, without a restart and without one STALE."""
import sys, threading
sys.dont_write_bytecode = True
from nfs3 import *
from plane import Plane, ok, done

p = Plane(sys.argv[1] if len(sys.argv) > 1 else ".")
p.share(local_store_size="64MiB")
for name, uid in (("alice", 1001), ("bob", 1002), ("carol", 1003)):
    p.must("POST", "/users", {"username": name, "uid": uid, "gid": uid})
p.must("POST", "/groups", {"name": "devs", "gid": 700})

def grant(kind, name, level):
    p.must("PUT", f"/shares/export/permissions/{kind}/{name}", {"level": level})

root, alice, bob = Client(p.nfs, 0), Client(p.nfs, 1001), Client(p.nfs, 1002)
ok(root.mount() == OK and alice.mount() == OK and bob.mount() == OK, "a mount needs no level")
ok(root.fsinfo() == OK and root.getattr()[0] == OK, "a squashed root sees what a mount needs")
ok(root.create("x")[0] == ACCES and alice.create("x")[0] == ACCES, "none: nothing is made")
ok(alice.lookup("x")[0] == ACCES and alice.access()[0] == ACCES, "none: nothing is looked at")
ok(Client(p.nfs).call(MOUNT, 5).u32() == 1, "exports are listed to anybody")

grant("users", "alice", "read-write")
st, fh = alice.create("hello", mode=0o666)
ok(st == OK and alice.write(fh, b"Hello DittoFS!") == OK, "read-write: a file is made and written", st)
ok(bob.read(fh)[0] == ACCES and bob.getattr(fh)[0] == ACCES, "another one's handle opens nothing to who has no level")
grant("users", "bob", "read")
ok(bob.read(fh) == (OK, b"Hello DittoFS!"), "read: it is read")
ok(bob.write(fh, b"x") == ROFS and bob.remove("hello") == ROFS, "read: nothing is changed")
ok(bob.access()[1] & (MODIFY | EXTEND | DELETE) == 0 and bob.access()[1] & READ, "read: ACCESS says so")
grant("groups", "devs", "read-write")
ok(bob.write(fh, b"x") == ROFS, "one's own grant comes before a group's")
p.must("DELETE", "/shares/export/permissions/users/bob")
ok(bob.read(fh)[0] == ACCES, "without it, not yet in the group: none")
p.must("POST", "/groups/devs/members", {"username": "bob"})
ok(bob.write(fh, b"J") == OK, "a member of a group has its level")
p.must("DELETE", "/groups/devs/members/bob")
bob.become(1002, 1002, (5, 700))
ok(bob.write(fh, b"H") == OK, "so has who shows the group's gid")
bob.become(1002)
p.must("PUT", "/users/alice", {"enabled": False})
ok(alice.read(fh)[0] == ACCES, "a disabled user has none")
p.must("PUT", "/users/alice", {"enabled": True})
p.must("PUT", "/shares/export", {"default_permission": "read"})
ok(Client(p.nfs, 4242).call(NFS, 6, opaque(fh) + struct.pack(">QI", 0, 5)).u32() == OK, "the default is for all others")
p.must("PUT", "/shares/export", {"default_permission": "none"})

sid = p.must("GET", "/users/carol")["sid"]
carol = Client(p.nfs, 1003)
ok(carol.mount() == OK and carol.read(fh)[0] == ACCES, "carol has none")
grant("sids", sid, "read")
ok(carol.read(fh)[0] == OK, "a SID stands for its user")

mac = Client(p.nfs, 501, 20, (80,))
ok(mac.mount() == OK and mac.create("y")[0] == ACCES, "uid 501 is nobody here")
p.must("POST", "/identity-mappings", {"provider_name": "sys", "principal": "501", "username": "alice"})
st, y = mac.create("y")
ok(st == OK and mac.getattr(y)[1]["uid"] == 1001 and mac.getattr(y)[1]["gid"] == 1001, "mapped to alice, it is alice", st)
p.must("DELETE", "/identity-mappings/by-provider/sys/501")
ok(mac.create("z")[0] == ACCES, "and no longer")

p.must("PUT", "/shares/export", {"squash": "none"})
st, r = root.create("by-root")
ok(st == OK and root.getattr(r)[1]["uid"] == 0, "squash none: root is root", st)
p.must("PUT", "/shares/export", {"squash": "all_to_guest", "anonymous_uid": 4000})
st, g = alice.create("by-guest")
ok(st == OK and alice.getattr(g)[1]["uid"] == 4000, "all_to_guest: who has a level writes as the guest", st)
p.must("PUT", "/shares/export", {"squash": "all_to_admin"})
st, a = alice.create("by-admin")
ok(st == OK and alice.getattr(a)[1]["uid"] == 0, "all_to_admin: as root", st)
p.must("PUT", "/shares/export", {"squash": "root_to_guest"})

p.must("POST", "/adapters/nfs/netgroups", {"name": "lab"})
p.must("PUT", "/shares/export", {"export_rules": "@lab(rw)"})
ok(alice.read(fh)[0] == ACCES, "a netgroup without members lets nobody in")
m = p.must("POST", "/adapters/nfs/netgroups/lab/members", {"type": "cidr", "value": "127.0.0.0/8"})
ok(alice.read(fh)[0] == OK, "one of its members is let in")
p.must("DELETE", f"/adapters/nfs/netgroups/lab/members/{m['id']}")
ok(alice.read(fh)[0] == ACCES, "and put out again")
p.must("PUT", "/shares/export", {"export_rules": ""})

# Who is there.
c = p.must("GET", "/clients?share=export")
ok(len(c) == 1 and c[0]["address"] == "127.0.0.1" and c[0]["connections"] >= 5 and c[0]["requests"] > 30
   and c[0]["nfs"]["version"] == "3" and "/export" in c[0]["shares"], "the list of clients", c)
ok(p.must("GET", "/mounts")[0]["share_name"] == "/export", "the list of mounts")
p.must("DELETE", "/clients/127.0.0.1")
try:
    carol.getattr()
    ok(False, "a client that is disconnected is")
except (EOFError, ConnectionError):
    ok(True, "a client that is disconnected is")
alice = Client(p.nfs, 1001)
ok(alice.mount() == OK and alice.read(fh)[0] == OK, "and may come again")

# Why.
def why(path, user, **more):
    q = "&".join(f"{k}={v}" for k, v in dict(path=path, user=user, via="nfs", **more).items())
    return p.must("GET", "/explain/access?" + q)
x = why("/export/hello", "alice")
ok(x["reached"] and x["access"]["read"] and x["access"]["modify"] and any("its owner" in s for s in x["story"]), "explain: an owner", x)
ok(not why("/export/hello", "bob")["reached"] and any("level: none" in s for s in why("/export/hello", "bob")["story"]), "explain: no level")
x = why("/export/hello", "carol")
ok(x["reached"] and x["access"]["read"] and not x["access"]["modify"], "explain: a level of reading", x)
ok(any("does not exist" in s for s in why("/export/none", "alice")["story"]), "explain: no such name")
p.must("PUT", "/shares/export", {"export_rules": "10.0.0.0/8(ro)"})
ok(any("no export rule" in s for s in why("/export/hello", "alice")["story"]) and
   why("/export/hello", "alice", **{"from": "10.1.1.1"})["access"]["modify"] is False, "explain: rules of hosts")
p.must("PUT", "/shares/export", {"export_rules": ""})
r = p.ctl("explain", "access", "/export/hello", "--as", "alice", "--via", "nfs")
ok("may: read, modify, extend" in r.stdout, "dfsctl explain access", r.stdout)

# One line a request, where the log is to say all.
p.must("PUT", "/settings/logging.level", {"value": "debug"})
alice.lookup("no-such-name")
p.must("PUT", "/settings/logging.level", {"value": "info"})
with open(p.home + "/out") as f:
    ok(any("rpc.request" in l and f"{alice.xid:08x}" in l and "proc=nfs3.lookup" in l and "status=NOENT" in l and "uid=1001" in l
           for l in f), "the log names a request by its connection and xid")

# Settings of the adapter, under the client's hands.
p.must("PATCH", "/adapters/nfs/settings", {"blocked_operations": ["create", "lookup"], "max_read_size": 65536, "max_write_size": 32768})
ok(alice.create("blocked")[0] in (ACCES, 10004) and alice.lookup("hello")[0] in (ACCES, 10004), "a blocked operation is refused")
r = alice.call(NFS, 19, opaque(alice.root))
r.u32(), r.attr()
ok([r.u32() for _ in range(6)] == [65536, 65536, 4096, 32768, 32768, 4096], "FSINFO says the sizes that were set")
ok(p.ask("PATCH", "/api/v1/adapters/nfs/settings", {"blocked_operations": ["getattr"]}).code == 422, "a mount's own cannot be blocked")
ok(p.ask("PATCH", "/api/v1/adapters/nfs/settings", {"max_connections": 65535}).code == 422, "no more connections than there is room for")
p.must("PATCH", "/adapters/nfs/settings", {"max_connections_per_client": 3})
many = []
try:
    for _ in range(8):
        many.append(Client(p.nfs, 1001))
        many[-1].call(NFS, 0)
    ok(False, "one address has its share of connections")
except (EOFError, ConnectionError):
    ok(True, "one address has its share of connections")
for c in many:
    c.close()
from plane import free_port
import socket
port = free_port()
p.must("PATCH", "/adapters/nfs/settings", {"portmapper_port": port, "portmapper_enabled": True})
ok(socket.create_connection(("127.0.0.1", port), 5).close() is None, "the portmapper listens")
ok(alice.read(fh)[0] == OK, "and connections of NFS go on")
p.must("POST", "/adapters/nfs/settings/reset", {})
ok(alice.lookup("hello")[0] == OK, "back to the defaults")

# While a client works, its share's rules change sixty times: each answer is by the old or the new.
seen, stop = {}, threading.Event()
def work():
    c = Client(p.nfs, 1001)
    c.mount()
    while not stop.is_set():
        for st in (c.write(fh, b"Hello"), c.read(fh)[0], c.access()[0], c.lookup("hello")[0]):
            seen[st] = seen.get(st, 0) + 1
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads:
    t.start()
for i in range(20):
    p.must("PUT", "/shares/export", {"read_only": True})
    p.must("PUT", "/shares/export", {"read_only": False, "export_rules": f"127.0.0.0/8(rw,secure) *(rw) 10.0.0.{i}"})
    p.must("PUT", "/shares/export", {"export_rules": ""})
stop.set()
for t in threads:
    t.join()
ok(set(seen) <= {OK, ROFS, ACCES} and seen.get(OK, 0) > 100 and seen.get(ROFS, 0) > 0,
   f"no STALE, no delay, no fault: {sum(seen.values())} answers over 60 changes of rules", seen)
ok(alice.write(fh, b"Hello") == OK, "handles live on")
ok(p.stop() == 0, "it stops well")
done("permissions over NFS")
