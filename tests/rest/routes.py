#!/usr/bin/env python3
"""routes.py BUILD [--quick] [--table]: every route that the daemon's own OpenAPI document lists, asked as it
should be, without a token, with one that is forged, with one that has expired, by the wrong role, before a
forced change of password, and with malformed bodies.  A route that is not in CALLS fails."""
import base64, hashlib, hmac, json, random, sys, time, urllib.parse
sys.dont_write_bytecode = True
from nfs3 import Client, NFS
from plane import Plane

quick, table = "--quick" in sys.argv, "--table" in sys.argv
words = [a for a in sys.argv[1:] if not a.startswith("--")]
SECRET = "a secret for this test alone, 32 bytes or more"
p = Plane(words[0] if words else ".", {"DITTOFS_CONTROLPLANE_JWT_SECRET": SECRET})
ROUNDS = 40 if quick else 400

# --- what each operation is asked with: parts of the path, body, what must be there before ---

def make(path, body, key="name"):
    def run():
        a = p.ask("POST", "/api/v1" + path, body)
        if a.code not in (201, 409):
            p.fail(f"setting up {path}: {a.code} {a.text}")
    return run

user = make("/users", {"username": "carl", "password": "long enough"})
group = make("/groups", {"name": "crew"})
member = make("/groups/crew/members", {"username": "carl"})
meta = make("/store/metadata", {"name": "m1", "type": "memory"})
spare_meta = make("/store/metadata", {"name": "m2", "type": "leveldb"})
local = make("/store/block/local", {"name": "l1", "type": "fs"})
spare_local = make("/store/block/local", {"name": "l2", "type": "fs"})
remote = make("/store/block/remote", {"name": "r1", "type": "memory"})
share = make("/shares", {"name": "/s1", "metadata_store": "m1", "local_block_store": "l1", "local_store_size": "64MiB"})
sealed = make("/shares", {"name": "/sealed", "metadata_store": "m1", "local_block_store": "l1", "local_store_size": "64MiB",
                         "encryption": "aes-256-gcm"})
far_remote = make("/store/block/remote", {"name": "r9", "type": "fs", "config": {"path": p.home + "/far"}})
far = make("/shares", {"name": "/far", "metadata_store": "m1", "local_block_store": "l1", "remote_block_store": "r9",
                       "local_store_size": "64MiB"})
netgroup = make("/adapters/nfs/netgroups", {"name": "lab"})
idmap = make("/identity-mappings", {"provider_name": "sys", "principal": "501", "username": "carl"})
adapter = make("/adapters", {"type": "nfs", "port": p.nfs})

clients = []
def connect():
    """A client that has called once."""
    p.must("PUT", "/adapters/nfs", {"enabled": True, "port": p.nfs})
    clients.append(Client(p.nfs))
    clients[-1].call(NFS, 0)

def grant(kind, name):
    return lambda: p.must("PUT", f"/shares/s1/permissions/{kind}/{name()}", {"level": "read"})

def sid():
    return p.must("GET", "/users/carl")["sid"]

def a_member():
    p.ask("POST", "/api/v1/adapters/nfs/netgroups/lab/members", {"type": "ip", "value": "10.1.1.1"})
    return p.must("GET", "/adapters/nfs/netgroups/lab")["members"][0]["id"]

def gone(path):
    return lambda: p.ask("DELETE", "/api/v1" + path)

shared = [meta, local, share]
serving = shared + [lambda: p.must("POST", "/shares/s1/enable")]
LEVEL = {"level": "read"}
CALLS = {
    "getHealth": (), "getReady": (), "getOpenapi": (),
    "login": ([], {"username": "carl", "password": "long enough"}, [user]),
    "refresh": ([], lambda: {"refresh_token": p.raw("POST", "/api/v1/auth/login", json.dumps(
        {"username": "carl", "password": "long enough"})).json["refresh_token"]}, [user]),
    "logout": (), "getMe": (),
    "changeOwnPassword": ([], lambda: {"current_password": p.whose[1], "new_password": p.whose[1] + "!"}),
    "listUsers": (), "createUser": ([], {"username": "dora"}, [gone("/users/dora")]),
    "getUser": (["carl"], None, [user]), "updateUser": (["carl"], {"email": "c@example.org"}, [user]),
    "deleteUser": (["carl"], None, [user]), "resetPassword": (["carl"], {"new_password": "long enough"}, [user]),
    "endSessions": (["carl"], None, [user]),
    "listGroups": (), "createGroup": ([], {"name": "gang"}, [gone("/groups/gang")]), "getGroup": (["crew"], None, [group]),
    "updateGroup": (["crew"], {"description": "d"}, [group]), "deleteGroup": (["crew"], None, [group]),
    "listMembers": (["crew"], None, [group]), "addMember": (["crew"], {"username": "carl"}, [user, group, gone("/groups/crew/members/carl")]),
    "removeMember": (["crew", "carl"], None, [user, group, member]),
    "listShares": (), "createShare": ([], {"name": "/s2", "metadata_store": "m1", "local_block_store": "l1",
                                           "local_store_size": "64MiB"}, [meta, local, gone("/shares/s2")]),
    "getShare": (["s1"], None, shared), "updateShare": (["s1"], {"description": "d"}, shared),
    "deleteShare": (["s1"], None, shared), "getShareStatus": (["s1"], None, shared),
    "getCompaction": (["s1"], None, serving), "compactShare": (["s1"], None, serving),
    "rotateShareContainers": (["sealed"], None, [meta, local, sealed]),
    "getBlockStats": (["s1"], None, serving), "getScrub": (["s1"], None, serving), "beginScrub": (["s1"], {"remote": True}, serving), "endScrub": (["s1"], None, serving), "evictBlocks": (["far"], None, [meta, local, far_remote, far]), "warmBlocks": (["far"], None, [meta, local, far_remote, far]), "getWarm": (["far"], None, [meta, local, far_remote, far]), "cancelWarm": (["far"], None, [meta, local, far_remote, far]), "rotateShareKey": (["sealed"], None, [meta, local, sealed]), "rewrapShareKeys": (["sealed"], None, [meta, local, sealed]),
    "enableShare": (["s1"], None, shared), "disableShare": (["s1"], None, shared),
    "listPermissions": (["s1"], None, shared),
    "grantUser": (["s1", "carl"], LEVEL, shared + [user]),
    "revokeUser": (["s1", "carl"], None, shared + [user, grant("users", lambda: "carl")]),
    "grantGroup": (["s1", "crew"], LEVEL, shared + [group]),
    "revokeGroup": (["s1", "crew"], None, shared + [group, grant("groups", lambda: "crew")]),
    "grantSid": (lambda: ["s1", sid()], LEVEL, shared + [user]),
    "revokeSid": (lambda: ["s1", sid()], None, shared + [user, grant("sids", sid)]),
    "listMetadataStores": (), "createMetadataStore": ([], {"name": "m3", "type": "memory"}, [gone("/store/metadata/m3")]),
    "getMetadataStore": (["m1"], None, [meta]), "updateMetadataStore": (["m2"], {"config": {}}, [spare_meta]),
    "deleteMetadataStore": (["m2"], None, [spare_meta]), "getMetadataStoreHealth": (["m2"], None, [spare_meta]),
    "listLocalStores": (), "createLocalStore": ([], {"name": "l3", "type": "memory"}, [gone("/store/block/local/l3")]),
    "getLocalStore": (["l1"], None, [local]), "updateLocalStore": (["l2"], {"config": {}}, [spare_local]),
    "deleteLocalStore": (["l2"], None, [spare_local]), "getLocalStoreHealth": (["l2"], None, [spare_local]),
    "listRemoteStores": (), "createRemoteStore": ([], {"name": "r3", "type": "memory"}, [gone("/store/block/remote/r3")]),
    "getRemoteStore": (["r1"], None, [remote]), "updateRemoteStore": (["r1"], {"config": {}}, [remote]),
    "deleteRemoteStore": (["r1"], None, [remote]),
    "getRemoteStoreHealth": (["r1"], None, [remote]), "checkRemoteStore": (["r1"], None, [remote]), "getRemoteStats": (["r1"], None, [remote]), "drainUploads": (),
    "listAdapterPorts": (), "listAdapters": (), "createAdapter": ([], {"type": "nfs", "port": p.nfs}, [gone("/adapters/nfs")]),
    "getAdapter": (["nfs"], None, [adapter]), "updateAdapter": (["nfs"], {"enabled": True, "port": p.nfs}, [adapter]),
    "deleteAdapter": (["nfs"], None, [adapter]),
    "listNetgroups": (), "createNetgroup": ([], {"name": "hut"}, [gone("/adapters/nfs/netgroups/hut")]),
    "getNetgroup": (["lab"], None, [netgroup]), "deleteNetgroup": (["lab"], None, [netgroup]),
    "addNetgroupMember": (["lab"], {"type": "ip", "value": "10.9.9.9"}, [netgroup]),
    "removeNetgroupMember": (lambda: ["lab", a_member()], None, [netgroup]),
    "listIdentityMappings": (), "createIdentityMapping": ([], {"provider_name": "sys", "principal": "777", "username": "carl"},
        [user, gone("/identity-mappings/by-provider/sys/777")]),
    "deleteIdentityMapping": (["sys", "501"], None, [user, idmap]),
    "getAdapterSettings": (["nfs"],), "setAdapterSettings": (["nfs"], {"max_read_size": 65536}),
    "changeAdapterSettings": (["nfs"], {"max_write_size": 65536}), "getAdapterSettingsDefaults": (["nfs"],),
    "resetAdapterSettings": (["nfs"], {}),
    "explainAccess": ([], None, serving + [user], "?path=/s1&user=carl"),
    "listClients": (), "listMounts": (), "disconnectClient": (["127.0.0.1"], None, [adapter, connect]),
    "listSettings": (), "getSetting": (["logging.level"],), "setSetting": (["logging.level"], {"value": "info"}),
    "resetSetting": (["logging.level"],),
    "listAudit": (), "getSystemInfo": (), "getMetrics": (),
}

# --- tokens ---

def sign(claims):
    def part(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=")
    head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (head + b"." + part(hmac.new(SECRET.encode(), head, hashlib.sha256).digest())).decode()

def claims(token):
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))

def fresh(name, password, role):
    """A user of that role, logged in."""
    p.ask("DELETE", f"/api/v1/users/{name}")
    p.must("POST", "/users", {"username": name, "password": password, "role": role})
    return p.login(name, password)

doc = p.ask("GET", "/api/v1/openapi.json").json
routes = [(path, method.upper(), o) for path, item in doc["paths"].items() for method, o in item.items()]
missing = [o["operationId"] for _, _, o in routes if o["operationId"] not in CALLS]
stray = set(CALLS) - {o["operationId"] for _, _, o in routes}
if missing or stray:
    p.fail(f"routes and CALLS differ: {missing} {stray}")
plain = fresh("plain", "long enough", "user")
expired = sign(dict(claims(plain), exp=int(time.time()) - 1))
forged = plain[:-6] + ("AAAAAA" if plain[-6:] != "AAAAAA" else "BBBBBB")
refresh_kind = sign(dict(claims(plain), token_type="refresh"))
fresh("early", "long enough", "user")
p.must("POST", "/users/early/password", {"new_password": "also long enough"})
early = p.login("early", "also long enough")
admin_expired = sign(dict(claims(p.token), exp=int(time.time()) - 1))
p.whose = ("admin", "good-enough-1")

def filled(path, args):
    for i, a in enumerate(args):
        path = path.replace("{p%d}" % (i + 1), urllib.parse.quote(a, safe=""))
    return path

def prepared(o):
    """Path arguments and body of a call that should succeed."""
    call = CALLS[o["operationId"]]
    for step in call[2] if len(call) > 2 else ():
        step()
    args, body = call[0] if call else [], call[1] if len(call) > 1 else None
    return args() if callable(args) else args, body() if callable(body) else body

BODIES = ["", "{", "[]", "null", "7", '"x"', '{"a":', "{}}", '{"a":1,}', "\x00", "[" * 5000, '{"a":' * 40 + "1" + "}" * 40,
          '{"\\u0000":1}', '{"name":"\\ud800"}', b'{"name":"\xff\xfe"}', '{"a":1e999}', '{"a":' + "9" * 400 + "}",
          "{'name':'x'}", "<xml/>", '{"name":"' + "x" * 100000 + '"}', "{" + ",".join(f'"k{i}":{i}' for i in range(3000)) + "}"]
STRANGE = [None, True, -1, 0, 1 << 62, 1.5, "", " ", "x" * 300, "../..", "a/b", "\u202e", "'; DROP TABLE users; --", [], {}, [[]],
           {"a": {"b": []}}, "\x1b[31m", "/", "/..", "%00", "9" * 40, ["x"] * 300]

def fields_of(o):
    schema = o["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].split("/")[-1]]
    return list(schema.get("properties", {})) or ["username", "password", "refresh_token", "new_password", "current_password", "level", "value", "max_connections", "blocked_operations", "portmapper_port", "setting"]

faults, seen, asked = [], {}, 0

def expect(row, outcome, answer, codes, code_word=None):
    """One cell of the table: what came, and whether it is one of codes and says code_word."""
    global asked
    asked += 1
    good = answer.code in codes
    if good and answer.code >= 400 and answer.code != 503:
        word = answer.json or {}
        good = answer.type.startswith("application/problem+json") and word.get("status") == answer.code and bool(word.get("code"))
        good = good and (code_word is None or word["code"] == code_word)
    seen.setdefault(row, {})[outcome] = str(answer.code) + ("" if good else "!")
    if not good:
        faults.append(f"{row} {outcome}: {answer.code} {answer.text[:200]}")

rng = random.Random(7)
for path, method, o in routes:
    op, role = o["operationId"], o["x-role"]
    row, public = f"{method} {path}", role == "public"
    args, body = prepared(o)
    question = CALLS[op][3] if len(CALLS[op]) > 3 else ""
    where = filled(path, args) + question
    def ask(token, with_body=body, at=where):
        return p.ask(method, at, with_body, token)
    for outcome, token, word in (("none", "", "no_token"), ("forged", forged, "bad_token"), ("kind", refresh_kind, "bad_token"),
                                 ("expired", expired, "expired"), ("adm.exp", admin_expired, "expired")):
        if not public:
            expect(row, outcome, ask(token), [401], word)
    if role in ("admin", "operator", "self"):
        expect(row, "role", ask(plain), [403], "forbidden")
    if not public and not o["x-before-password-change"]:
        expect(row, "change", ask(early), [403], "must_change_password")
    if "requestBody" in o:
        token = "" if public else fresh("other", "long enough", "admin") if op == "changeOwnPassword" else p.token
        worst = 0
        for bad in BODIES:
            a = p.raw(method, where, bad if isinstance(bad, bytes) else bad.encode(), {"Authorization": "Bearer " + token} if token else {})
            asked += 1
            if a.code not in (400, 401, 404, 409, 413, 422, 429) and not (op.startswith(("update", "setAdapter", "changeAdapter", "resetAdapter")) and a.code == 200):
                faults.append(f"{row} with {bad[:40]!r}: {a.code} {a.text[:200]}")
            worst = max(worst, a.code)
        names = fields_of(o)
        for _ in range(ROUNDS):
            broken = dict(body or {})
            for _ in range(rng.choice((1, 1, 2, 3))):
                broken[rng.choice(names + list(broken) + ["surprise"])] = rng.choice(STRANGE)
            if op in ("updateAdapter", "createAdapter", "updateShare", "createShare"):
                broken.pop("port", None)        # it would move under this test's feet
            a = p.ask(method, where, broken, token)
            asked += 1
            if a.code >= 500:
                faults.append(f"{row} with {json.dumps(broken)[:120]}: {a.code} {a.text[:200]}")
            worst = max(worst, a.code)
            if op == "login" and a.code == 429:
                break                           # the limit of attempts does its work
        seen.setdefault(row, {})["bodies"] = f"<{(worst // 100 + 1) * 100}"
        args, body = prepared(o)
        where = filled(path, args)
    for strange in ("%00", "%2e%2e", "x" * 300, "%ff%fe", "a%2Fb%2Fc", ";", "%27"):
        if "{p1}" in path:
            a = p.ask(method, filled(path, []).replace("{p1}", strange).replace("{p2}", strange), body)
            asked += 1
            if a.code >= 500 or a.code < 300 and not isinstance(a.json, list):
                faults.append(f"{row} at {strange}: {a.code} {a.text[:200]}")
    for query in ("?limit=0", "?limit=x", "?limit=99999999999999999999", "?after=%00", "?after=" + "y" * 2000, "?%ff=%ff", "?&&&=="):
        if method == "GET":
            a = p.ask(method, where.partition("?")[0] + query)
            asked += 1
            if a.code >= 500 and op != "getReady":
                faults.append(f"{row} {query}: {a.code} {a.text[:200]}")
    if op in ("login", "refresh"):
        time.sleep(31)                          # the lock that the broken bodies have earned
        args, body = prepared(o)
    if op == "getReady":
        expect(row, "right", ask(p.token), [200, 503])
        continue
    token = "" if public else p.token
    if op in ("logout", "changeOwnPassword"):
        token, p.whose = fresh("other", "long enough", "admin"), ("other", "long enough")
        args, body = prepared(o)
    expect(row, "right", ask(token, body), [int(c) for c in o["responses"] if c[0] == "2"])

if table:
    columns = ["right", "none", "forged", "kind", "expired", "adm.exp", "role", "change", "bodies"]
    print("%-64s" % "route" + "".join("%-9s" % c for c in columns))
    for row, cells in seen.items():
        print("%-64s" % row + "".join("%-9s" % cells.get(c, "-") for c in columns))
alive = p.ask("GET", "/health").code == 200 and p.stop() == 0
for f in faults[:40]:
    print("FAILED  " + f)
print(f"{len(routes)} routes, {asked} requests, {len(faults)} faults{'' if alive else ', and the daemon died'}")
sys.exit(bool(faults) or not alive)
