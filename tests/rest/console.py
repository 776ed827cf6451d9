#!/usr/bin/env python3
"""console.py BUILD [SHOTS]: the console's main ways in headless Chromium, over its debugging pipe."""
import base64, json, os, shutil, subprocess, sys, tempfile, time

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
shots = sys.argv[2] if len(sys.argv) > 2 else None
chromium = shutil.which("chromium")
if not chromium:
    print("skipped: chromium is not installed")
    sys.exit(0)
home = tempfile.mkdtemp()
port = "18083"
env = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_STATE_HOME=home, DITTOFS_CONTROLPLANE_PORT=port,
           DITTOFS_METRICS_ENABLED="false", DITTOFS_ADMIN_INITIAL_PASSWORD="good-enough-1")
dfs = subprocess.Popen([build + "/dfs", "start", "--foreground"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
to_r, to_w = os.pipe()
from_r, from_w = os.pipe()

def pipes():
    r, w = os.dup(to_r), os.dup(from_w)
    os.dup2(r, 3)
    os.dup2(w, 4)

browser = subprocess.Popen([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                            "--remote-debugging-pipe", "--user-data-dir=" + home + "/c", "--window-size=1200,800"],
                           preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
os.close(to_r)
os.close(from_w)
buffer, number, faults = b"", 0, []

def call(method, session=None, **params):
    global buffer, number
    number += 1
    m = {"id": number, "method": method, "params": params}
    if session:
        m["sessionId"] = session
    os.write(to_w, json.dumps(m).encode() + b"\0")
    while True:
        while b"\0" not in buffer:
            got = os.read(from_r, 1 << 20)
            if not got:
                raise SystemExit("chromium ended")
            buffer += got
        one, buffer = buffer.split(b"\0", 1)
        one = json.loads(one)
        if one.get("method") == "Runtime.exceptionThrown":
            faults.append(one["params"]["exceptionDetails"].get("exception", {}).get("description", "?"))
        if one.get("id") == number:
            if "error" in one:
                raise SystemExit(str(one["error"]))
            return one["result"]

def js(text):
    return call("Runtime.evaluate", page, expression=text, awaitPromise=True, returnByValue=True)["result"].get("value")

def until(text, what):
    end = time.time() + 15
    while time.time() < end:
        if js(f"!!({text})"):
            print("ok      " + what, flush=True)
            return
        time.sleep(0.1)
    print("FAILED  " + what, js("document.body.innerText"), faults)
    shot("failed")
    finish(1)

def shot(name):
    if shots:
        os.makedirs(shots, exist_ok=True)
        open(f"{shots}/{name}.png", "wb").write(base64.b64decode(call("Page.captureScreenshot", page)["data"]))

def finish(code):
    browser.kill()
    dfs.terminate()
    dfs.wait()
    shutil.rmtree(home, ignore_errors=True)
    sys.exit(code)

def fill(**values):
    for name, value in values.items():
        js(f"document.querySelector('dialog[open] [name={name}], main [name={name}]').value = {json.dumps(value)}")

def press(text, where="dialog[open]"):
    js(f"[...document.querySelectorAll('{where} button')].find((b) => b.textContent === {json.dumps(text)}).click()")

time.sleep(1.5)
target = call("Target.createTarget", url="about:blank")["targetId"]
page = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
call("Runtime.enable", page)
call("Page.enable", page)
call("Page.navigate", page, url=f"http://127.0.0.1:{port}/")
until("!!document.querySelector('main [name=password]')", "the log-in form")
shot("login")
fill(username="admin", password="wrong-word")
press("Log in", "main")
until("document.querySelector('main [role=alert]')?.textContent.includes('wrong')", "a wrong password is said")
fill(username="admin", password="good-enough-1")
press("Log in", "main")
until("document.querySelectorAll('nav a').length === 7", "logged in: seven sections")
for kind, name, title in (("Metadata stores", "default", 0), ("Local block stores", "cache", 1)):
    js("location.hash = '#stores'")
    until("document.querySelector('main h2')?.textContent === 'Stores' && document.querySelectorAll('main button').length > 1", "stores")
    js(f"[...document.querySelectorAll('main button')].filter((b) => b.textContent === 'Add')[{title}].click()")
    fill(name=name)
    press("Add")
    until(f"document.querySelector('main').innerText.includes('{name}')", "added to " + kind)
js("location.hash = '#shares'")
until("document.querySelector('main h2')?.textContent === 'Shares'", "shares")
press("New share", "main")
fill(name="/export", description="<img src=x onerror=alert(1)>")
press("Create")
until("document.querySelector('main .state.healthy')", "a share is made and healthy")
shot("shares")
js("location.hash = '#permissions'")
until("document.querySelector('main h2')?.textContent === 'Permissions'", "permissions")
press("Grant", "main")
press("Grant")
until("document.querySelector('main table')?.innerText.includes('admin')", "a permission is granted")
shot("permissions")
js("location.hash = '#users'")
until("document.querySelector('main h2')?.textContent === 'Users'", "users")
shot("users")
js("location.hash = '#adapters'")
until("document.querySelector('main h2')?.textContent === 'Adapters'", "adapters")
js("location.hash = '#figures'")
until("document.querySelectorAll('main tbody tr').length >= 5 && document.querySelector('.card b')?.textContent !== ''", "figures and stage queues")
time.sleep(2.5)
shot("figures")
js("location.hash = '#audit'")
until("document.querySelector('main')?.innerText.includes('createShare')", "the audit trail")
until("[...document.querySelectorAll('main input, main select, dialog input')].every((i) => i.labels.length > 0)", "every input has a label")
press("Log out", "header")
until("!!document.querySelector('main [name=password]')", "logged out")
if faults:
    print("FAILED  no script faults:", faults)
    finish(1)
finish(0)
