"""A daemon with its control plane in a folder of its own, and asking it."""
import atexit, http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

PASSWORD = "good-enough-1"

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

class Answer:
    def __init__(self, code, body, headers):
        self.code, self.text, self.headers = code, body, headers
        self.type = headers.get("Content-Type", "")
    @property
    def json(self):
        return json.loads(self.text) if self.text else None

class Plane:
    """Ends with the program.  rest and nfs are its ports; token is the administrator's."""
    def __init__(self, build, settings=None, password=PASSWORD):
        self.build, self.home = os.path.abspath(build), tempfile.mkdtemp()
        self.rest, self.nfs, self.metrics = free_port(), free_port(), free_port()
        self.env = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=self.home, XDG_STATE_HOME=self.home,
                        DITTOFS_CONTROLPLANE_PORT=str(self.rest), DITTOFS_NFS_PORT=str(self.nfs),
                        DITTOFS_METRICS_PORT=str(self.metrics), **(settings or {}))
        if password:
            self.env["DITTOFS_ADMIN_INITIAL_PASSWORD"] = password
        self.process, self.kept, self.token = None, None, None
        atexit.register(self.end)
        self.start()
        if password:
            self.token = self.login("admin", password)
    def start(self):
        self.log = open(self.home + "/out", "ab")
        self.process = subprocess.Popen([self.build + "/dfs", "start", "--foreground"], env=self.env,
                                        stdout=self.log, stderr=self.log)
        end = time.time() + 60
        while time.time() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/health").code == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.fail("the daemon does not start")
    def stop(self):
        """Its exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()
    def end(self):
        if self.process:
            self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
    def fail(self, why):
        with open(self.home + "/out", errors="replace") as f:
            sys.stderr.write("".join(f.readlines()[-30:]))
        sys.exit("FAILED  " + why)
    def raw(self, method, path, body=None, headers=None, connection=None):
        c = connection or http.client.HTTPConnection("127.0.0.1", self.rest, timeout=30)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return Answer(r.status, r.read().decode(errors="replace"), r.headers)
        finally:
            if not connection:
                c.close()
    def ask(self, method, path, body=None, token=None, connection=None):
        headers = {}
        token = self.token if token is None and hasattr(self, "token") else token
        if token:
            headers["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.raw(method, path, body, headers, connection)
    def must(self, method, path, body=None):
        a = self.ask(method, "/api/v1" + path, body)
        if not 200 <= a.code < 300:
            self.fail(f"{method} {path}: {a.code} {a.text}")
        return a.json
    def login(self, user, password):
        """An access token; waits where the limit of attempts says so."""
        for _ in range(20):
            a = self.raw("POST", "/api/v1/auth/login", json.dumps({"username": user, "password": password}))
            if a.code == 429:
                time.sleep(min(int(a.headers.get("Retry-After", "1")), 5))
                continue
            if a.code == 200:
                return a.json["access_token"]
            break
        self.fail(f"login of {user}: {a.code} {a.text}")
    def share(self, name="/export", metadata="memory", local="fs", **more):
        """Stores of that name where they are missing, a share on them, and NFS listens."""
        for path, kind in (("/store/metadata", metadata), ("/store/block/local", local)):
            if self.ask("GET", f"/api/v1{path}/{kind}").code == 404:
                self.must("POST", path, {"name": kind, "type": kind})
        self.must("POST", "/shares", dict(name=name, metadata_store=metadata, local_block_store=local, **more))
        self.must("PUT", "/adapters/nfs", {"enabled": True, "port": self.nfs})
    def ctl(self, *words, check=True):
        """dfsctl, logged in with the token."""
        r = subprocess.run([self.build + "/dfsctl", *words, "--server", f"http://127.0.0.1:{self.rest}",
                            "--token", self.token], env=self.env, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL)
        if check and r.returncode:
            self.fail(f"dfsctl {' '.join(words)}: {r.stdout}{r.stderr}")
        return r

facts = failures = 0

def ok(fact, what, seen=""):
    global facts, failures
    facts += 1
    failures += not fact
    print(("ok      " if fact else "FAILED  ") + what + (f": {seen}" if not fact and seen != "" else ""), flush=True)

def done(what):
    print(f"{what}: {facts - failures} of {facts} facts")
    sys.exit(failures > 0)
