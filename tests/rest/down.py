#!/usr/bin/env python3
"""down.py BUILD: a share of the file of settings whose key is wrong, whose row is damaged, or whose folder cannot be
made is down and says why wherever one looks; the others serve; mended, all serve again with what they had."""
import json, os, subprocess, sys, time, urllib.error, urllib.request
sys.dont_write_bytecode = True
from nfs3 import *
from plane import Plane, ok, done

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
p = Plane(build)
p.stop()
KEY = os.urandom(32).hex()

def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(path, 0o600)

def settings(bad_dir, plane=True):
    write(p.home + "/dittofs/config.yaml", f"""encryption.key_file: {p.home}/key
controlplane.enabled: {str(plane).lower()}
shares:
  - {{name: /damaged, allow: [{{hosts: "*", squash: none}}]}}
  - {{name: /sealed, encryption: auto, allow: [{{hosts: "*", squash: none}}]}}
  - {{name: /placed, dir: {bad_dir}, allow: [{{hosts: "*", squash: none}}]}}
  - {{name: /good, quota: 16MiB, allow: [{{hosts: "*", squash: none}}]}}
""")

def get(path, port=None):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port or p.rest}{path}") as r:
            return r.status, json.loads(r.read())
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())

def holds(share, want=OK):
    """Does the share serve, and has it the file of before?"""
    c = Client(p.nfs, 0)
    if c.mount(share):
        return False
    st, fh = c.lookup("file")
    return st == OK and c.read(fh)[1] == share.encode()

NAMES = ("/damaged", "/sealed", "/placed", "/good")
write(p.home + "/key", KEY)
settings(p.home + "/place")
p.start()
for name in NAMES:
    c = Client(p.nfs, 0)
    fh = c.mount(name) == OK and c.create("file")[1]
    ok(fh and c.write(fh, name.encode()) == OK, f"{name} serves")
ok(get("/health/ready")[0] == 200 and get("/health/ready")[1]["data"]["unhealthy"] == [], "all is ready")
p.stop()

row = p.home + "/dittofs/shares/damaged/share"
with open(row, "rb") as f:
    whole = f.read()
write(row, whole[:8] + b"\xff" + whole[9:])
write(p.home + "/key", os.urandom(32).hex())
os.rename(p.home + "/place", p.home + "/moved")
write(p.home + "/place", "a file is no folder")
p.start()
ok(holds("/good"), "the good one serves")
ok(not any(holds(x) for x in NAMES[:3]), "the others do not")
ok(Client(p.nfs, 0).mount("/damaged") == NOENT, "who mounts one is told that there is none")
code, ready = get("/health/ready")
sick = {x["name"]: x["message"] for x in ready["data"]["unhealthy"]}
ok(code == 503 and set(sick) == set(NAMES[:3]) and ready["data"]["shares_unhealthy"] == 3, "/health/ready says which", ready)
ok(all(x == "it is down; its status and the log say why" for x in sick.values()), "and not why: it asks for no token", sick)
code, health = get("/health", p.metrics)
state = {x["name"]: x["state"] for x in health["shares"]}
ok(state == {"/damaged": "down", "/sealed": "down", "/placed": "down", "/good": "ok"} and health["status"] == "unhealthy", "so does that of the metrics", health)
for name, word in zip(NAMES, ("damaged", "key", "place")):
    shown = json.loads(p.ctl("share", "show", name, "--output", "json").stdout)["status"]
    ok(shown["status"] == "unhealthy" and word in shown["message"], f"share show {name} says why", shown)
ok(json.loads(p.ctl("share", "show", "/good", "--output", "json").stdout)["status"]["status"] == "healthy", "the good one is healthy")
with open(p.home + "/out") as f:
    log = f.read()
ok(all(f"share={n}" in next((x for x in log.splitlines() if "share.down" in x and f"share={n} " in x), "") for n in NAMES[:3]), "the log says it")
ok(all(f"dfs: {n} is down: " in log for n in NAMES[:3]), "and who starts it is told")
ok(KEY not in log, "no key is in the log")
said = subprocess.run([build + "/dfs", "status"], env=p.env, capture_output=True, text=True).stdout
ok('"state":"down"' in said and "/sealed" in said, "dfs status says it", said)
c = Client(p.nfs, 0)
ok(c.mount("/good") == OK and c.create("more")[0] == OK, "the good one is written to")
ok(c.fsstat()[0] == 16 << 20 and json.loads(p.ctl("share", "show", "/good", "--output", "json").stdout)["quota_bytes"] == "16MiB",
   "and has the quota of its file", c.fsstat())
ok(p.stop() == 0, "it stops well")

settings(p.home + "/place", plane=False)
p.process = subprocess.Popen([build + "/dfs", "start", "--foreground"], env=p.env, stdout=p.log, stderr=p.log)
ok(not subprocess.run([build + "/dfs", "config", "validate"], env=p.env, capture_output=True).returncode, "the settings themselves are valid")
for _ in range(100):
    try:
        if holds("/good"):
            break
    except OSError:
        time.sleep(0.1)
ok(holds("/good"), "without the control plane as well")
p.stop()

write(row, whole)
write(p.home + "/key", KEY)
os.remove(p.home + "/place")
os.rename(p.home + "/moved", p.home + "/place")
settings(p.home + "/place")
p.start()
ok(all(holds(x) for x in NAMES), "mended, all serve what they had")
ok(get("/health/ready")[0] == 200, "and all is ready")
p.stop()
for f in (row, p.home + "/dittofs/shares/sealed/share", p.home + "/dittofs/shares/good/share", p.home + "/place/share"):
    write(f, b"nothing")
settings(p.home + "/place", plane=False)
r = subprocess.run([build + "/dfs", "start", "--foreground"], env=p.env, capture_output=True, text=True, timeout=60)
ok(r.returncode == 1 and "damaged" in r.stdout + r.stderr, "without a share and a control plane it does not start", (r.returncode, r.stderr[-300:]))
done("down")
