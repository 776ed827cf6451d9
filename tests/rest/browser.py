"""A headless Chromium over its debugging pipe, and a daemon of one's own to look at."""
import base64, json, os, shutil, signal, socket, subprocess, tempfile, time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """dfs with a control plane, its state in a folder that goes with it."""

    def __init__(self, build, **settings):
        self.build, self.home = build, tempfile.mkdtemp(prefix="console.")
        self.nfs, self.rest = free_port(), free_port()
        self.env = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=self.home, XDG_STATE_HOME=self.home,
                        DITTOFS_CONTROLPLANE_PORT=str(self.rest), DITTOFS_NFS_PORT=str(self.nfs),
                        DITTOFS_METRICS_ENABLED="false", **settings)
        self.process = None

    def start(self):
        self.log = open(self.home + "/out", "ab")
        self.process = subprocess.Popen([self.build + "/dfs", "start", "--foreground"], env=self.env,
                                        stdout=self.log, stderr=self.log)
        end = time.time() + 60
        while time.time() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.rest), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("FAILED  dfs does not start: " + open(self.home + "/out").read()[-2000:])

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, chromium):
        self.home = tempfile.mkdtemp(prefix="chromium.")
        to_r, self.to = os.pipe()
        self.frm, from_w = os.pipe()

        def pipes():
            r, w = os.dup(to_r), os.dup(from_w)
            os.dup2(r, 3)
            os.dup2(w, 4)

        self.process = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + self.home, "about:blank"],
            preexec_fn=pipes, close_fds=False, start_new_session=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.home))
        os.close(to_r)
        os.close(from_w)
        self.buffer, self.number, self.faults, self.page = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Page", "Log", "Accessibility", "DOM"):
            self.call(domain + ".enable")

    def call(self, method, **params):
        self.number += 1
        m = {"id": self.number, "method": method, "params": params}
        if self.page:
            m["sessionId"] = self.page
        os.write(self.to, json.dumps(m).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                got = os.read(self.frm, 1 << 20)
                if not got:
                    raise SystemExit("FAILED  chromium ended")
                self.buffer += got
            one, self.buffer = self.buffer.split(b"\0", 1)
            one = json.loads(one)
            self.note(one)
            if one.get("id") == self.number:
                if "error" in one:
                    raise SystemExit("FAILED  " + method + ": " + str(one["error"]))
                return one["result"]

    def note(self, one):
        params = one.get("params", {})
        if one.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description", details.get("text", "?")))
        # A refused policy or a missing file shows here; answers that the console asked for do not count.
        if one.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            if params["entry"]["source"] in ("security", "javascript", "rendering"):
                self.faults.append(params["entry"]["text"])

    def js(self, text):
        got = self.call("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in got:
            raise SystemExit("FAILED  " + text + ": " + str(got["exceptionDetails"]["exception"].get("description")))
        return got["result"].get("value")

    def go(self, url):
        self.call("Page.navigate", url=url)

    def look(self, width, height, dark):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def shot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=False)["data"]))

    def key(self, name, shift=False):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(name)
        common = dict(key=name, code="Space" if name == " " else name, windowsVirtualKeyCode=codes[name], modifiers=8 if shift else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **({"text": text} if text else {}), **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
