"""gateway.py: a gateway of our own with a bucket behind it, for the campaigns in Python.

Gateway(build, endpoint) starts a daemon in a folder of its own; Share is one of its shares, with
a part of S3_BUCKET at that endpoint behind it, used over the wire.  What the campaigns
have in common is here: patience with JUKEBOX, content made of a seed, drain, cold copies, a look
into the bucket past everything, and that no secret is in any log.
"""
import collections, glob, json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "rest"), os.path.join(here, "..", "s3")]
import nfs3
from bucket import Bucket

PIECE = 256 << 10


def port_free():
    import socket
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Proxy:
    """tests/s3/fault_proxy.py before the server that S3_ENDPOINT names."""
    def __init__(self):
        self.port = port_free()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(here, "..", "s3", "fault_proxy.py"), str(self.port),
             os.environ["S3_ENDPOINT"].removeprefix("http://").rstrip("/")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "{}\n"

    def set(self, *faults):
        """From now on these faults; the counts so far."""
        self.process.stdin.write(json.dumps(faults) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Gateway:
    def __init__(self, build, endpoint, local_max=None, **store):
        self.work = tempfile.mkdtemp(prefix="dfs-remote.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.env = dict(os.environ, HOME=self.work, XDG_CONFIG_HOME=self.work + "/config",
                        XDG_STATE_HOME=self.work + "/xdg", PATH=f"{build}:{os.environ['PATH']}",
                        DITTOFS_ADMIN_INITIAL_PASSWORD="a-first-password")
        self.endpoint, self.store = endpoint, store
        self.secrets = [os.environ["S3_SECRET_KEY"]]
        self.port, self.plane, self.metrics = port_free(), port_free(), port_free()
        self.state, self.prefix = self.work + "/state", f"campaign-{random.getrandbits(48):x}/"
        os.makedirs(self.state)
        os.makedirs(self.work + "/config")
        with open(self.work + "/dfs.yaml", "w") as f:
            f.write(f"state_dir: {self.state}\nnfs:\n  host: 127.0.0.1\n  port: {self.port}\n"
                    f"metrics:\n  port: {self.metrics}\ncontrolplane:\n  port: {self.plane}\n"
                    "logging:\n  level: debug\n")
        self.run("dfs", "start", "--config", self.work + "/dfs.yaml")
        self.run("dfsctl", "login", "--server", f"http://127.0.0.1:{self.plane}",
                 "--username", "admin", "--password", "a-first-password")
        self.run("dfsctl", "user", "change-password", "--current", "a-first-password",
                 "--new", "another-password-1")
        self.ctl("store", "metadata", "add", "--name", "m", "--type", "leveldb", "--config", "{}")
        self.ctl("store", "block", "local", "add", "--name", "l", "--type", "fs", "--config",
                 json.dumps({"max_size": local_max} if local_max else {}))
        self.ctl("adapter", "enable", "nfs", "--port", str(self.port))

    def store_options(self, name, secret):
        """What dfsctl is told of the remote store of that name; its objects have a prefix of their own."""
        return ["--endpoint", self.endpoint, "--region", os.environ["S3_REGION"],
                "--bucket", os.environ["S3_BUCKET"], "--prefix", self.prefix + name,
                "--access-key", os.environ["S3_ACCESS_KEY"], "--secret-key", secret,
                "--config", json.dumps({"server": "ceph", **self.store})]

    def store_add(self, name, secret=None):
        self.ctl("store", "block", "remote", "add", "--name", name, "--type", "s3",
                 *self.store_options(name, secret or os.environ["S3_SECRET_KEY"]))

    def run(self, *args):
        done = subprocess.run(args, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, (args[:4], done.stdout, done.stderr)
        return done.stdout

    def try_ctl(self, *args):
        """Does dfsctl agree?"""
        return subprocess.run(("dfsctl", *args), env=self.env, capture_output=True).returncode == 0

    def ctl(self, *args):
        out = self.run("dfsctl", *args, "-o", "json")
        return json.loads(out) if out.strip() else None

    def log(self):
        text = ""
        for name in glob.glob(self.state + "/*.log"):
            with open(name, errors="replace") as f:
                text += f.read()
        return text

    def says_no_secret(self):
        """Neither logs, nor metrics, nor what the control plane shows."""
        import urllib.request
        said = {"log": self.log(), "stores": self.run("dfsctl", "store", "block", "remote", "list", "-o", "json"),
                "metrics": urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics").read().decode()}
        assert "level" in said["log"] and said["metrics"], "nothing to look at"
        for where, text in said.items():
            for secret in self.secrets:
                assert secret not in text, f"a secret in {where}"

    def stop(self):
        subprocess.run(["dfs", "stop", "--config", self.work + "/dfs.yaml"], env=self.env,
                       capture_output=True)

    def end(self, well):
        """Stops it; after a failure the end of its log is shown."""
        self.stop()
        if not well:
            lines = [l for l in self.log().splitlines() if " debug rpc" not in l and
                     " debug rest" not in l and " debug net" not in l]
            print("\n".join("    " + l for l in lines[-40:]), file=sys.stderr)
        shutil.rmtree(self.work)


def patient(call, *args, limit_s=300):
    """JUKEBOX is an answer, not an error: come again, but not for ever."""
    end = time.monotonic() + limit_s
    while True:
        got = call(*args)
        if (got[0] if isinstance(got, tuple) else got) != nfs3.JUKEBOX:
            return got
        assert time.monotonic() < end, f"JUKEBOX for {limit_s} s"
        time.sleep(0.05)


class Share:
    """A share with a store of its own behind it; files: what each holds, for whom compares."""
    def __init__(self, gateway, name, *options, secret=None):
        self.gateway, self.name, self.files, self.lock = gateway, name, {}, threading.Lock()
        gateway.store_add(name, secret)
        gateway.ctl("share", "create", "--name", "/" + name, "--metadata", "m", "--local", "l",
                    "--remote", name, "--squash", "none", *options)
        self.containers = f"{gateway.state}/stores/l/{name}/containers"

    def client(self):
        c = nfs3.Client(self.gateway.port, 0, 0)
        c.s.settimeout(120)
        assert c.mount("/" + self.name) == nfs3.OK
        return c

    def write(self, c, name, data, stable=0):
        st, fh = patient(c.create, name)[:2]
        assert st == nfs3.OK, (name, st)
        for at in range(0, len(data), PIECE):
            st = patient(c.write, fh, data[at:at + PIECE], at, stable)
            assert st == nfs3.OK, (name, at, st)
        with self.lock:
            self.files[name] = (fh, data)
        return fh

    def compare(self, c, name, read=patient):
        fh, data = self.files[name]
        for at in range(0, len(data), PIECE):
            st, got = read(c.read, fh, at, PIECE)[:2]
            assert st == nfs3.OK, (name, at, st)
            assert got == data[at:at + PIECE], (name, at, "differs")

    def stats(self):
        return self.gateway.ctl("store", "block", "stats", "--share", "/" + self.name)

    def push(self):
        """Pack and send now, not when it has some age; done or not."""
        subprocess.run(("dfsctl", "system", "drain-uploads", "--timeout", "1s"),
                       env=self.gateway.env, capture_output=True)

    def drain(self, limit_s):
        """Until the bucket has all; the seconds it took."""
        start = time.monotonic()
        while True:
            self.push()
            s = self.stats()
            if s["drained"] and s["pending_uploads"] == 0 and s["unsynced_bytes"] == 0:
                return time.monotonic() - start
            assert time.monotonic() - start < limit_s, ("not drained", s)

    def here(self):
        return set(glob.glob(self.containers + "/*.dfc"))

    def evict(self, limit_s=60):
        """Until no container is here.  Asked again only where compaction made one since."""
        end, asked = time.monotonic() + limit_s, set()
        while left := self.here():
            if left - asked:
                asked |= left
                self.drain(limit_s)
                self.gateway.ctl("store", "block", "evict", "--share", "/" + self.name)
            assert time.monotonic() < end, ("local containers stay", left, self.stats())
            time.sleep(0.1)

    def bucket_is_right(self):
        """Each container that is here lies in the bucket, byte for byte; how many.  Compaction goes on:
        not those that it makes after this began, nor those that it empties."""
        paths, n = self.here(), 0
        self.drain(120)
        bucket = Bucket()
        there = {name.rpartition("-")[2]: name for name in
                 bucket.sizes(f"{self.gateway.prefix}{self.name}/") if "/c/" in name}
        for path in paths:
            try:
                with open(path, "rb") as f:
                    bytes_ = f.read()
            except FileNotFoundError:
                continue
            number = f"{int(os.path.basename(path).split('.')[0], 16):016x}"
            assert number in there, (path, "is not in the bucket")
            assert bucket.get(there[number]) == bytes_, (path, "differs in the bucket")
            n += 1
        return n

    def all_cold(self):
        """Nothing local any more, reopened: all that was written comes back from the bucket."""
        self.evict()
        self.gateway.ctl("share", "disable", "/" + self.name)
        self.gateway.ctl("share", "enable", "/" + self.name)
        c, start = self.client(), time.monotonic()
        for name in list(self.files):
            self.compare(c, name)
        return time.monotonic() - start
