#!/usr/bin/env python3
"""commands.py BUILD: every command that `dfsctl --help` and `dfs --help` list is run, and does what its line says;
a command that is not in the lists here fails."""
import json, os, re, subprocess, sys, tempfile
sys.dont_write_bytecode = True
from nfs3 import Client, NFS
from plane import Plane, free_port, ok, done, PASSWORD

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
p = Plane(build)
server = f"http://127.0.0.1:{p.rest}"
here = []

def ctl(line, want=0, token=False):
    words = line if isinstance(line, list) else line.split()
    more = ["--server", server, "--token", p.token] if token else []
    return subprocess.run([build + "/dfsctl", *words, *more], env=p.env, capture_output=True, text=True, stdin=subprocess.DEVNULL)

def listed(program):
    text = subprocess.run([build + "/" + program, "--help"], capture_output=True, text=True).stdout
    if program == "dfs":
        text = text.split("commands:")[1].split("options:")[0]
    return [m.group(1) for m in re.finditer(r"^  ([a-z][a-z -]*[a-z])(?=  )", text, re.M)]

site = tempfile.NamedTemporaryFile("w", suffix=".yaml")
site.write("groups:\n  - name: fromfile\n")
site.flush()
wait = lambda: (here.append(Client(p.nfs)), here[-1].call(NFS, 0))

# In an order in which each finds what it needs: the line, and what its output holds.
LINES = [
    (["login", "--server", server, "--username", "admin", "--password", PASSWORD], "admin"),
    ("context list", "127.0.0.1"), ("context current", "127.0.0.1"),
    ("version", ""), ("version --short", ""), ("completion bash", "complete"),
    ("user create --username zoe --password long-enough --uid 2001 --gid 2001", "zoe"),
    ("user list", "zoe"), ("user get zoe", "2001"), ("user edit zoe --email z@example.org", "zoe"),
    ("user password zoe --password another-one", "must change"), ("user end-sessions zoe --force", "Done"),
    ("group create --name crew --gid 3001", "crew"), ("group list", "crew"), ("group get crew", "3001"),
    ("group edit crew --description people", "people"), ("group add-user crew zoe", "crew"),
    ("group remove-user crew zoe", "Done"),
    ("store metadata add --name m --type memory", "memory"), ("store metadata list", "memory"),
    ("store metadata add --name spare --type leveldb", "leveldb"), ("store metadata edit spare --config {}", "spare"),
    ("store metadata health --name m", "true"), ("store metadata remove spare --force", "Done"),
    ("store block local add --name l --type fs", "fs"), ("store block local list", "fs"),
    ("store block local add --name spare --type fs", "fs"), ("store block local edit spare --config {}", "spare"),
    ("store block local health --name l", "true"), ("store block local remove spare --force", "Done"),
    ("store block remote add --name r --type memory", "memory"), ("store block remote list", "memory"),
    ("store block remote edit r --encryption aes-256-gcm --compression zstd", "r"),
    ("store block remote health --name r", "no key is set"), ("store block remote edit r --encryption none", "r"),
    ("store block remote health --name r", "true"), ("store block remote doctor r", "put"), ("store block remote stats r", "not open"), ("store block remote remove r --force", "Done"),
    ("share create --name /s --metadata m --local l --local-store-size 64MiB", "/s"), ("store block stats --share /s", "pending_uploads"),
    ("share scrub /s", "/s"), ("share scrub /s --status", "/s"), ("share scrub /s --stop", "/s"), (f"store block remote add --name far --type fs --folder {p.home}/far", "far"),
    ("share create --name /far --metadata m --local l --remote far --local-store-size 64MiB", "/far"),
    ("store block remote stats far", "open for 1 share"), ("share stats /far", "dedup_ratio"), ("store block evict --share /far", "/far"),
    ("share evict /far", "/far"), ("share evict /far --below / --older-than 72h", "/far"), ("share edit /far --retention ttl --retention-ttl 90m", "ttl"),
    ("share show /far", "90m"), ("share warm /far --watch", "done"), ("share warm /far --status", "done"), ("share warm /far --cancel", "done"), ("share remove /far --force", "Done"), ("system drain-uploads --timeout 5s", ""),
    ("share create --name /sealed --metadata m --local l --local-store-size 64MiB --encryption aes-256-gcm", "/sealed"),
    ("share rotate-key /sealed", "2"), ("share compact /sealed --timeout 30s", "/sealed"), ("share compaction /sealed", "/sealed"),
    ("share rotate-containers /sealed --timeout 30s", "/sealed"), ("share rewrap-keys /sealed", "0"), ("share remove /sealed --force", "Done"), ("share list", "/s"), ("share show /s", "none"),
    ("share edit /s --description text", "/s"), ("share disable /s", "false"), ("share enable /s", "true"),
    ("share permission grant /s --user zoe --level read", "read"), ("share permission list /s", "zoe"),
    ("share permission revoke /s --user zoe", "Done"),
    (f"adapter edit nfs --port {p.nfs}", str(p.nfs)), ("adapter enable nfs", "true"), ("adapter list", "nfs"),
    ("adapter settings nfs show", "max_read_size"), ("adapter settings nfs ranges", "live"),
    ("adapter settings nfs update --max-read-size 65536 --blocked-operations symlink,mknod", "65536"),
    ("adapter settings nfs reset --setting max_read_size", "1048576"),
    ("share mount /s /mnt --print", f"port={p.nfs},mountport={p.nfs} 127.0.0.1:/s /mnt"),
    ("share unmount /mnt --print", "umount /mnt"),
    (wait, ""), ("client list", "127.0.0.1"), ("share list-mounts", "CLIENT"), ("client disconnect 127.0.0.1 --force", "Done"),
    ("explain access /s --as zoe --via nfs", "level: none"), ("top --interval 1 --count 1", "vfs"),
    ("netgroup create --name lab", "lab"), ("netgroup list", "lab"), ("netgroup add-member lab --type ip --value 10.1.1.1", "10.1.1.1"),
    ("netgroup show lab", "10.1.1.1"),
    (lambda: LINES.insert(LINES.index(("netgroup remove lab --force", "Done")), ("netgroup remove-member lab --member-id " +
        p.must("GET", "/adapters/nfs/netgroups/lab")["members"][0]["id"], "Done")), ""),
    ("netgroup remove lab --force", "Done"),
    ("idmap add --provider sys --principal 501 --username zoe", "501"), ("idmap list", "501"),
    ("idmap remove --provider sys --principal 501 --force", "Done"),
    ("settings list", "logging.level"), ("settings get logging.level", "info"), ("settings set logging.level warn", "warn"),
    ("settings reset logging.level", "Done"), ("audit list --limit 500", "createUser"), ("status", "/s"),
    (["apply", "--file", site.name], "fromfile"), ("adapter disable nfs", "false"),
    ("share remove /s --force", "Done"), ("group remove crew --force", "Done"), ("user remove zoe --force", "Done"),
    (["user", "change-password", "--current", PASSWORD, "--new", "quite-another-1"], ""),
    ("context rename admin@127.0.0.1 other", ""), ("context use other", ""), ("logout", ""), ("context remove other --force", ""),
]
ran = set()
table = listed("dfsctl")
i = 0
while i < len(LINES):
    line, holds = LINES[i]
    i += 1
    if callable(line):
        line()
        continue
    words = line if isinstance(line, list) else line.split()
    name = max((c for c in table if words[:len(c.split())] == c.split()), key=len, default=None)
    if name is None:
        ok(False, f"dfsctl {' '.join(words)}", "it is no command")
        continue
    if name == "context rename":
        current = re.findall(r"\S*@\S*|\S*127\.0\.0\.1\S*", ctl("context current").stdout)
        words = ["context", "rename", current[0] if current else "?", "other"]
    r = ctl(words)
    ran.add(name)
    if r.returncode or holds not in r.stdout:
        ok(False, "dfsctl " + " ".join(words), f"{r.returncode} {r.stdout[-300:]}{r.stderr[-300:]}")
ok(not set(table) - ran, f"dfsctl: {len(table)} commands, each was run", sorted(set(table) - ran))
ok(all(ctl([*c.split(), "--help"]).returncode == 0 for c in table), "dfsctl: each has help")
ok(all(ctl([*c.split(), "--no-such-flag"]).returncode == 2 for c in table), "dfsctl: each refuses a flag that it has not")
for shell in ("bash", "zsh", "fish"):
    text = ctl(["completion", shell]).stdout
    ok(all(w in text for c in table for w in c.split()), f"completion for {shell} knows all words")
ok(p.stop() == 0, "it stops well")

def dfs(line):
    return subprocess.run([build + "/dfs", *line.split()], env=p.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90)

DFS = {"init": ("init --force", 0, "wrote"), "config": ("config", 0, "nfs.port"), "config show": ("config show -o json", 0, "environment"),
       "config validate": ("config validate", 0, "valid"), "completion bash": ("completion bash", 0, "complete -o default"), "completion zsh": ("completion zsh", 0, "#compdef dfs"),
       "completion fish": ("completion fish", 0, "complete -c dfs"), "config schema": ("config schema", 0, "json-schema.org"), "version": ("version", 0, "dfs "),
       "start": ("start", 0, "control plane"), "status": ("status", 0, "running, pid"), "logs": ("logs -n 5", 0, "dfs.ready"),
       "stop": ("stop", 0, "stopped"), "fsck": ("fsck --all", 0, "")}
ELSEWHERE = {"operator"}            # its own test gives it an API server
words = listed("dfs")
for word, (line, code, holds) in DFS.items():
    r = dfs(line)
    ok(r.returncode == code and holds in r.stdout + r.stderr, f"dfs {line}", f"{r.returncode} {r.stdout[-200:]}{r.stderr[-200:]}")
script = 'source /dev/stdin; f() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _dfs; echo "${COMPREPLY[*]}"; }; '
def complete(*line):
    said = script + " ".join(["f", "dfs", *(repr(w) for w in line)])
    return subprocess.run(["bash", "-c", said], input=dfs("completion bash").stdout, capture_output=True, text=True).stdout.split()
ok(set(complete("")) == {w.split()[0] for w in words}, "completion: all first words", complete(""))
ok(complete("config", "va") == ["validate"] and "--quick" in complete("start", "--q"), "and what follows them", complete("config", "va"))
ok(dfs("completion tcsh").returncode == 2, "no other shell")

def fsck(*more):
    r = dfs(" ".join(["fsck", "--quick", p.home + "/quick", *more]))
    return r.returncode, r.stdout + r.stderr

# A share whose daemon was killed is clean, links, holes and what was removed included.
ok(dfs(f"start --quick {p.home}/quick").returncode == 0, "a share to check")
c = Client(p.nfs)
ok(c.mount() == 0, "it is mounted")
for i in range(20):
    fh = c.create(f"f{i}")[1]
    c.write(fh, bytes([i % 3]) * 200000, offset=i * 100000)
    if i % 2:
        c.remove(f"f{i}")
    if i % 5 == 0:
        c.truncate(fh, 1000)
code, said = fsck("--all")
ok(code == 8 and "it runs, pid" in said, "nothing is checked while a daemon serves", said)
ok(dfs(f"stop --force --quick {p.home}/quick").returncode == 0, "it is killed")
code, said = fsck("/export")
ok(code == 0 and "/export: clean; 11 inodes, 10 names" in said, "and what it left is clean", said)
code, said = fsck("--all", "--repair", "-o", "json")
ok(code == 0 and json.loads(said)["shares"][0]["result"] == "clean", "as programs read it, too", said)
for wrong in ("/nope", "", "/export --all", "/export -o yaml"):
    ok(fsck(*wrong.split())[0] == 8, f"fsck {wrong}: it does not run")
ok(set(words) == set(DFS) | (ELSEWHERE & set(words)), f"dfs: {len(words)} commands, each was run", words)
done("commands")
