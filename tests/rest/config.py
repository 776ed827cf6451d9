#!/usr/bin/env python3
"""config.py BUILD: `dfs config show`, `validate` and `schema` against each other: what is in force and where it
is from, no secret in it; what is wrong is said all at once, with place, range and way out; the schema takes what
the daemon takes and refuses what it refuses."""
import json, os, subprocess, sys, tempfile
import jsonschema, yaml
sys.dont_write_bytecode = True
from plane import done, ok

dfs = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".") + "/dfs"
home = tempfile.TemporaryDirectory()
path = home.name + "/dfs.yaml"
ENV = {k: v for k, v in os.environ.items() if not k.startswith("DITTOFS_")}
ENV.update(HOME=home.name, XDG_CONFIG_HOME=home.name, XDG_STATE_HOME=home.name)

def run(*words, **env):
    return subprocess.run([dfs, "config", *words], env=dict(ENV, **env), capture_output=True, text=True)

def write(text, to=path):
    with open(to, "w") as f:
        f.write(text)

def validate(text, **env):
    """Exit code and lines that say what is wrong."""
    write(text)
    r = run("validate", "--config", path, **env)
    return r.returncode, r.stderr.splitlines()

SECRET = "0123456789abcdef0123456789abcdef-hush"
GOOD = f"""logging:
  level: WARN
memory: 128MiB
controlplane.jwt.secret: {SECRET}
shares:
  - name: /a
    journal: 64MiB
    metadata: badger
    allow:
      - hosts: 10.0.0.0/8
        squash: all
  - name: /b
"""

# --- show ---
write(GOOD)
shown = run("show", "--config", path, "-o", "json", DITTOFS_NFS_PORT="2049")
ok(shown.returncode == 0, "show", shown.stderr)
got = json.loads(shown.stdout)
s = got["settings"]
ok(got["file"] == path, "the file is named")
ok(s["logging.level"] == {"value": "warn", "from": "file", "line": 2, "variable": "DITTOFS_LOGGING_LEVEL"}, "from the file, with its line",
   s["logging.level"])
ok(s["nfs.port"] == {"value": 2049, "from": "environment", "variable": "DITTOFS_NFS_PORT"}, "from the environment", s["nfs.port"])
ok(s["metrics.port"]["from"] == "default" and s["metrics.port"]["value"] == 9090, "from the default")
ok(s["memory"]["value"] == "128MiB", "a size in its unit")
a, b = got["shares"]
ok(a["metadata"]["value"] == "leveldb" and a["journal"] == {"value": "64MiB", "from": "file", "line": 7}, "a share's settings", a)
ok(a["allow"] == [{"hosts": "10.0.0.0/8", "squash": "all", "read_only": False, "secure": False}], "its rules")
ok(b["durability"] == {"value": "local", "from": "default"} and b["dir"]["value"].endswith("/shares/b"), "a share's defaults", b)
in_yaml = run("show", "--config", path).stdout
ok("hush" not in shown.stdout + in_yaml and s["controlplane.jwt.secret"]["value"] == "********", "a secret is masked in both forms")
other = run("show", "-o", "json", DITTOFS_CONTROLPLANE_SECRET=SECRET)
ok("hush" not in other.stdout and json.loads(other.stdout)["settings"]["controlplane.jwt.secret"]["variable"] ==
   "DITTOFS_CONTROLPLANE_SECRET", "the variable that it is from", other.stdout)
write(in_yaml, path + ".shown")
again = json.loads(run("show", "--config", path + ".shown", "-o", "json").stdout)
ok(all(again["settings"][k]["value"] == v["value"] for k, v in s.items() if k not in ("controlplane.jwt.secret", "nfs.port")) and
   [{k: x[k]["value"] for k in x if k != "allow"} for x in again["shares"]] ==
   [{k: x[k]["value"] for k in x if k != "allow"} for x in got["shares"]] and
   [x["allow"] for x in again["shares"]] == [x["allow"] for x in got["shares"]], "what is shown is a file that means the same")
ok(run("show", "-o", "xml").returncode == 1 and run("show", "all").returncode == 2, "other forms and words are refused")

# --- validate ---
code, lines = validate(GOOD)
ok(code == 0 and not lines, "a good file is valid", lines)
code, lines = validate("""nfs:
  port: 70000
  prot: 3
memory: 1MiB
metrics.enabled: maybe
logging.level: loud
shares:
  - name: export
    journal: 1TB2
    durabilty: local
    encryption: rot13
    compression: zstd-20
  - dir: /x
""", DITTOFS_WORKERS="many")
want = [(2, "nfs.port", "0 to 65535"), (3, "nfs.prot", "nfs.port"), (4, "memory", "64MiB to 1TiB"),
        (5, "metrics.enabled", "neither true nor false"), (6, "logging.level", "debug info warn error"), (8, "shares[0].name", "begin with /"),
        (9, "shares[0].journal", "64MiB to 1TiB"), (10, "shares[0].durabilty", "is durability meant?"),
        (11, "shares[0].encryption", "none of"), (12, "shares[0].compression", "zstd-1 to zstd-19")]
for line, key, part in want:
    ok(any(x.startswith(f"{path}:{line}: {key}: ") and part in x for x in lines), f"line {line}, {key}: {part}", lines)
ok(any(x.startswith("DITTOFS_WORKERS: workers: ") and "0 to 256" in x and "unset it" in x for x in lines), "a variable is named", lines)
ok(any("no name" in x and f"{path}:13:" in x for x in lines), "a share without a name", lines)
ok(all("mend it, or remove the line for the default" in x for x in lines if ": memory:" in x or ": nfs.port:" in x), "what to do is said", lines)
ok(code == 1 and lines[-1] == f"dfs: {len(lines) - 1} things to mend", "all are counted", lines[-1:])
for text, part, env in (
        ("controlplane.tls.cert_file: /none", "go together", {}), ("controlplane.tls.client_ca: /none", "wants cert_file", {}),
        ("encryption.key_file: /none/key", "cannot read /none/key", {}), ("controlplane.jwt.secret: hush", "32 to 255 bytes", {}),
        ("metrics.port: 8080", "8080 is", {}), ("shares: [{name: /a, encryption: auto}]", "no key is set", {}),
        ("shares: [{name: /a, dir: /x}, {name: /b, dir: /x}]", "that of /a", {}), ("shares: [{name: /a}, {name: /a}]", "two shares", {}),
        ("a: [", "dfs.yaml", {}), ("nfs: &x {port: 1}\nmetrics: *x", "aliases", {})):
    code, lines = validate(text, **env)
    ok(code == 1 and any(part in x for x in lines), f"{text.splitlines()[0]}: {part}", lines)
    ok(not any("hush" in x for x in lines), "and no secret with it", lines)
ok(run("validate", "--config", "/none.yaml").returncode == 1, "a file that is not there is said")
write("x" * 100, path + ".key")
os.chmod(path + ".key", 0o644)
ok(any("chmod 600" in x for x in validate(f"encryption.key_file: {path}.key")[1]), "a key that others may read")

# --- remote stores ---
write("00" * 32 + "\n", path + ".key")
os.chmod(path + ".key", 0o600)
FAR = f"""remotes:
  - name: far-1
    bucket: b
    region: eu-west-1
    secret_access_key: {SECRET}
    connections: 9
    part_size: 32MiB
    force_path_style: true
    encryption: xchacha20-poly1305
    compression: zstd-6
    encryption_key_file: {path}.key
  - name: near
    type: fs
    path: /srv/near
shares:
  - name: /a
    remote: far-1
    local_size: 1GiB
  - {{name: /b, remote: near, encryption: aes-256-gcm, compression: none}}
  - {{name: /c, remote: far-1, compression: none, encryption: aes-256-gcm}}
"""
code, lines = validate(FAR.replace("encryption: aes-256-gcm, compression: none", "compression: zstd"))
ok(code == 0 and not lines, "remote stores and shares on them", lines)
shown = run("show", "--config", path, "-o", "json", DITTOFS_REMOTES_FAR_1_ACCESS_KEY_ID="AKIA", DITTOFS_REMOTES_FAR_1_REGION="eu-west-2")
got = json.loads(shown.stdout)
far, near = got["remotes"]
ok(far["region"]["value"] == "eu-west-2" and far["access_key_id"] == {"value": "AKIA", "from": "environment"} and far["bucket"]["line"] == 3,
   "what the environment says of them", far)
ok("hush" not in shown.stdout + run("show", "--config", path).stdout and far["secret_access_key"]["value"] == "********", "no secret of theirs is shown")
a, b, c = got["shares"]
ok((a["encryption"]["value"], a["compression"]["value"], a["local_size"]["value"]) == ("xchacha20-poly1305", "zstd-6", "1GiB"), "inherited", a)
ok((b["encryption"]["value"], b["compression"]["value"], c["encryption"]["value"], c["compression"]["value"]) ==
   ("none", "zstd-3", "aes-256-gcm", "none"), "and overridden", (b, c))
for text, part in (
        ("remotes: [{name: x y, type: fs, path: /p}]", "is no name"), ("remotes: [{name: a, type: fs}]", "path is wanted"),
        ("remotes: [{name: a}]", "bucket is wanted"), ("remotes: [{name: a, type: ftp}]", "none of: s3 fs memory"),
        ("remotes: [{name: a, type: fs, path: /p, bucket: b}]", "bucket is for the type s3"),
        ("remotes: [{name: a, type: fs, path: /p}, {name: a, type: fs, path: /p}]", "two remotes are named a"),
        ("remotes: [{name: a, bucket: b, attempts: 99}]", "0 to 32"), ("remotes: [{name: a, bucket: b, encryption: rot13}]", "rot13"),
        ("remotes: [{name: a, bucket: b, encryption_passphrase_env: HOME}]", "DITTOFS_"),
        ("remotes: [{name: a, bucket: b, encryption_key_file: /none}]", "cannot read /none"),
        ("remotes: [{name: a, bucket: b, buckte: c}]", "is bucket meant?"), ("shares: [{name: /a, remote: far}]", "add it there"),
        ("remotes: [{name: m, type: memory}]\nshares: [{name: /a, remote: m}]", "metadata in memory"),
        (f"remotes: [{{name: a, bucket: b, encryption: auto, encryption_key_file: {path}.key}}]\nshares: [{{name: /a, remote: a, encryption: none}}]",
         "asks for encryption"),
        ("remotes: [" + ", ".join(f"{{name: r{i}, bucket: b}}" for i in range(17)) + "]", "more than 16 remotes")):
    code, lines = validate(text)
    ok(code == 1 and any(part in x for x in lines), f"{text[:50]}: {part}", lines)

# --- schema ---
schema = json.loads(run("schema").stdout)
jsonschema.Draft202012Validator.check_schema(schema)
valid = lambda text: not list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(text)))
template = run().stdout
lines = [x[1:] for x in template.splitlines() if x.startswith("#") and not x.startswith("# ") and ":" in x]
defaults = "\n".join(lines[:lines.index("remotes:")])
ok(len(defaults.splitlines()) == len(s), "the template has all settings")
ok(valid(defaults), "the schema takes all defaults")
ok(validate(defaults)[0] == 0, "and so does the daemon", lines)
ok(valid(GOOD.replace("WARN", "warn")) and valid(in_yaml), "and what is shown")
for text in ("nfs: {port: 70000}", "nfs.port: 70000", "nfs: {prot: 1}", "logging.level: loud", "metrics.enabled: maybe", "shares: [{journal: 64MiB}]",
             "remotes: [{type: fs}]", "remotes: [{name: a, bucket: b, attempts: 99}]", "remotes: [{name: a, buckte: b}]", "shares: [{name: /a, durability: never}]", "shares: [{name: /a, allow: [{squash: some}]}]", "shares: [{name: /a, compression: zstd-20}]"):
    ok(not valid(text) and validate(text)[0] == 1, f"both refuse {text}")
for text in ("nfs: {port: 1}", "controlplane: {jwt: {access_token_duration: 60}}", "shares: [{name: /a, compression: zstd-19, anon_uid: 1}]",
             "shares: [{name: /a, allow: [{hosts: '@x', squash: none, secure: true}]}]", "memory: 1.5GiB", "nfs:", "",
             "remotes: [{name: a, bucket: b, connections: 9, part_size: 8MiB}]", "remotes: [{name: a, type: fs, path: /p}]\nshares: [{name: /s, remote: a}]"):
    ok(valid(text) and validate(text)[0] == 0, f"both take {text!r}", validate(text)[1])
done("config")
