#!/usr/bin/env python3
"""console.py BUILD [SHOTS]: the console's main ways in headless Chromium, as TAP.

Drives the page by mouse and by keyboard alone, looks at what a screen reader is told, at contrasts
and at narrow screens, and keeps a screenshot of every page, light and dark, wide and narrow, in
SHOTS (default: BUILD/console).  Wants Debian's package chromium and a built dfs.
"""
import json, os, shutil, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, Daemon  # noqa: E402

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
shots = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else build + "/console")
chromium = shutil.which("chromium")
if not chromium:
    print("1..1\nok 1 - the console # SKIP the package chromium is not installed")
    sys.exit(0)

SCREENS = {"wide": (1280, 860), "narrow": (390, 844)}
PAGES = {"overview": "Overview", "shares": "Shares", "contents": "Contents", "permissions": "Permissions", "users": "Users", "stores": "Stores",
         "adapters": "Adapters", "clients": "Clients", "settings": "Settings", "audit": "Audit trail"}
DIALOG, MAIN = "dialog[open]", "main"
done, bad = 0, 0
daemon = Daemon(build, DITTOFS_ADMIN_INITIAL_PASSWORD="good-enough-1", DITTOFS_ENCRYPTION_PASSPHRASE="only for this test")
load = None


def case(fact, what, more=""):
    global done, bad
    done += 1
    bad += not fact
    print(f"{'ok' if fact else 'not ok'} {done} - {what}", flush=True)
    if not fact:
        print(f"# {more}", flush=True)
    return fact


def until(text, what, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if b.js(f"!!({text})"):
            return case(True, what)
        time.sleep(0.1)
    b.shot(f"{shots}/failed-{done + 1}.png")
    return case(False, what, json.dumps(b.js("document.body.innerText")))


def text_in(word, where=MAIN):
    return f"document.querySelector('{where}')?.innerText.includes({json.dumps(word)})"


def fill(where=DIALOG, **values):
    for name, value in values.items():
        b.js(f"document.querySelector('{where} [name={name}]').value = {json.dumps(value)}")


def press(name, where=DIALOG):
    """The button with that text, or with that name for a screen reader."""
    found = b.js("(() => { const n = [...document.querySelectorAll('" + where + " button')].find((b) => b.textContent === "
                 + json.dumps(name) + " || b.getAttribute('aria-label') === " + json.dumps(name) + "); if (n) n.click(); return !!n; })()")
    if not found:
        case(False, f"a button {name}", b.js("document.body.innerText"))


def page(word):
    b.js(f"location.hash = '#{word}'")
    end = time.time() + 20
    while time.time() < end and b.js("document.querySelector('main h1')?.textContent") != PAGES[word]:
        time.sleep(0.1)


def keys_to(name, limit=40):
    """Tab until what has the focus is called so."""
    for _ in range(limit):
        b.key("Tab")
        at = b.js("(() => { const a = document.activeElement; return a.getAttribute('aria-label') || (a.labels && a.labels[0] ? a.labels[0].textContent : a.textContent); })()")
        if (at or "").startswith(name):
            return True
    return False


CONTRAST = """(() => {
    const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (c) => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = c; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
    const light = (c) => { const f = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
    const under = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
    const poor = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement, box = e.getBoundingClientRect();
        if (!walk.currentNode.data.trim() || box.width === 0 || box.right < 0 || e.closest('script, noscript, [hidden]') || e.disabled) continue;
        const a = light(rgba(getComputedStyle(e).color)), z = light(under(e));
        const ratio = (Math.max(a, z) + 0.05) / (Math.min(a, z) + 0.05);
        if (ratio < 4.5) poor.push(walk.currentNode.data.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
    }
    return poor;
})()"""


def nameless():
    """What a screen reader may use and is not told the name of; tables and headings among it."""
    wanted = {"button", "link", "textbox", "combobox", "checkbox", "spinbutton", "table", "dialog", "image", "meter", "heading", "navigation"}
    out = []
    for node in b.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in wanted and not node.get("name", {}).get("value"):
            out.append(role)
    return out


def survey(name, where="the page"):
    """A look at what is shown now, on each screen and in each colour."""
    poor, wide, unnamed = [], [], nameless()
    for screen, (width, height) in SCREENS.items():
        for colour in ("light", "dark"):
            b.look(width, height, colour == "dark")
            time.sleep(0.15)
            poor += b.js(CONTRAST)
            if b.js("document.scrollingElement.scrollWidth > innerWidth"):
                wide.append(screen)
            b.shot(f"{shots}/{name}-{screen}-{colour}.png")
    b.look(*SCREENS["wide"], False)
    case(not poor, f"{name}: every text has a contrast of 4.5 or more", poor)
    case(not wide, f"{name}: nothing is cut off by a narrow screen", wide)
    case(not unnamed, f"{name}: a screen reader is told the name of everything", unnamed)
    heads = b.js("[...document.querySelectorAll('main h1, main h2')].map((h) => h.tagName)")
    case(heads[:1] == ["H1"] and heads.count("H1") == 1, f"{name}: one heading of the first level, first", heads)


def log_in():
    until("document.querySelector('main [name=password]')", "the log-in form")
    survey("login")
    fill(MAIN, username="admin", password="wrong-word")
    press("Log in", MAIN)
    until("document.querySelector('main [role=alert]')?.textContent.includes('wrong')", "a wrong password is said")
    b.shot(f"{shots}/login-wrong.png")
    b.go(f"http://127.0.0.1:{daemon.rest}/ui/?again")
    until("document.activeElement?.name === 'username'", "the first field has the focus")
    b.type("admin")
    b.key("Tab")
    b.type("good-enough-1")
    b.key("Enter")
    until("document.querySelectorAll('nav a').length >= 8", "logged in by keyboard alone: all sections")


def empty_states():
    for word in ("shares", "permissions", "stores", "adapters", "audit"):
        page(word)
        if word in ("shares", "stores"):
            survey("empty-" + word)
    case(b.js("document.querySelectorAll('main .panel').length") > 0, "an empty page says what it is for")


def stores():
    page("stores")
    for one, name in (("metadata store", "main"), ("local block store", "disk")):
        press("Add " + one, MAIN)
        fill(name=name)
        press("Add")
        until(f"document.querySelector(\"main [aria-label='Remove {name}']\")", f"a {one} is added")
    os.mkdir(daemon.home + "/far")
    press("Add remote block store", MAIN)
    fill(name="far", type="fs", path=daemon.home + "/far")
    press("Add")
    until("document.querySelector(\"main [aria-label='Remove far']\")", "a remote block store is added")
    press("Check far", MAIN)
    until("document.querySelector('#said').textContent.includes('far: healthy')", "and checked")
    press("Check disk", MAIN)
    until("document.querySelector('#said').textContent.includes('disk: healthy')", "a store is checked, and how it is is announced")


def share_by_keyboard():
    page("shares")
    case(keys_to("New share"), "the keyboard reaches: New share")
    b.key("Enter")
    until("document.querySelector('dialog[open]')", "Enter opens the dialog")
    until("document.activeElement?.name === 'name'", "its first field has the focus")
    survey("dialog-share")
    b.type("export")
    b.key("Enter")
    until("document.querySelector('dialog [name=name]').getAttribute('aria-invalid') === 'true' && document.activeElement.name === 'name'",
          "a field that is refused says why, and has the focus")
    b.shot(f"{shots}/dialog-refused.png")
    b.js("document.activeElement.select()")
    b.type("/export")
    case(keys_to("Description"), "the keyboard reaches a field")
    b.type("<img src=x onerror=alert(1)>")
    b.key("Enter")
    until("document.querySelector('main .state.good')", "a share is made and healthy")
    case(b.js("document.querySelectorAll('main img').length") == 0, "what was typed is shown as text")
    case(keys_to("Remove /export"), "the keyboard reaches: Remove /export")
    b.key("Enter")
    until("document.querySelector('dialog[open]')?.innerText.includes('Remove /export?')", "removing asks first")
    b.shot(f"{shots}/dialog-remove.png")
    b.key("Escape")
    until("!document.querySelector('dialog[open]') && document.activeElement.getAttribute('aria-label') === 'Remove /export'",
          "Escape closes, and the focus is where it was")
    press("Disable /export", MAIN)
    until(text_in("disabled"), "a share is disabled")
    press("Enable /export", MAIN)
    until("document.querySelector('main .state.good')", "and enabled")


def sealed():
    """A share that encrypts, and a new key for it."""
    if not b.js("(async () => Object.keys((await (await fetch('/api/v1/openapi.json')).json()).paths).some((p) => p.endsWith('/rotate-key')))()"):
        print("# this build does not encrypt")
        return
    page("shares")
    press("New share", MAIN)
    fill(name="/sealed", encryption="auto", compression="zstd")
    press("Create")
    until("document.querySelectorAll('main .state.good').length === 2 && document.querySelector('main').innerText.includes('sealed:')", "a share that encrypts is made")
    press("Change /sealed", MAIN)
    fill(quota_bytes="10 GiB")
    press("Save")
    until("document.querySelector('main').innerText.includes('of 10GiB')", "its quota is set and shown")
    press("New key for /sealed", MAIN)
    until("document.querySelector('dialog[open]')?.innerText.includes('New key for /sealed?')", "a new key is asked about")
    press("New key")
    until("!document.querySelector('dialog[open]') && document.querySelector('#said').textContent.includes('done')", "and made")


def behind():
    """A share with a remote store: what is under way, and the work that looks after it."""
    page("shares")
    press("New share", MAIN)
    fill(name="/far", remote_block_store="far")
    press("Create")
    until("document.querySelector(\"main [aria-label='Change /far']\")", "a share with a remote store is made")
    page("contents")
    until("document.querySelectorAll('main table').length === 3", "what lies behind each share is shown")
    row = "[...document.querySelectorAll(\"main [aria-label='Contents of %s'] tbody tr\")].find((r) => r.innerText.startsWith('%s'))?.innerText"
    until(row % ("/far", "Uploads") + "?.includes('has all')", "an upload that is over is said to be")
    case(not b.js(row % ("/export", "Uploads")), "a share without a remote store uploads nothing")
    case(b.js(row % ("/sealed", "Keys") + "?.includes('2')"), "keys are counted")
    press("Scrub /far", MAIN)
    until(row % ("/far", "Scrub") + "?.includes('done')", "a scrub is begun, and its end is shown")
    press("Compact /far", MAIN)
    until("document.querySelector('#said').textContent.includes('Compact /far: done')", "a compaction is asked for")
    press("Warm /far", MAIN)
    until(row % ("/far", "Warming") + "?.includes('done')", "what only the remote store has is brought here")


def people():
    page("users")
    press("New user", MAIN)
    fill(username="alice", password="long-enough-2", uid="1000", role="operator")
    press("Create")
    until(text_in("alice"), "a user is made")
    press("New group", MAIN)
    fill(name="staff", description="Those who work here")
    press("Create")
    until(text_in("staff"), "a group is made")
    press("Add member to staff", MAIN)
    fill(username="alice")
    press("Add")
    until("document.querySelector(\"main [aria-label='Take out of staff']\")", "a user joins a group")
    press("Take out of staff", MAIN)
    press("Take out")
    until("!document.querySelector(\"main [aria-label='Take out of staff']\")", "and leaves it")
    page("permissions")
    press("Grant on /export", MAIN)
    fill(who="groups/staff", level="read-write")
    press("Grant")
    until("document.querySelector('main table')?.innerText.includes('staff')", "a permission is granted")
    press("Everyone else on /export", MAIN)
    fill(default_permission="read-write")
    press("Save")
    until("document.querySelector('main tbody tr:last-child')?.innerText.includes('read-write')", "the others' permission is set")


def serve():
    global load
    page("adapters")
    if not b.js("!!document.querySelector(\"main [aria-label='Disable nfs']\")"):
        press("Enable nfs" if b.js("!!document.querySelector(\"main [aria-label='Enable nfs']\")") else "Enable NFS", MAIN)
    until("[...document.querySelectorAll('main tr')].some((r) => r.innerText.includes('nfs') && r.querySelectorAll('.state.good').length === 2)", "NFS is enabled and listens")
    press("New netgroup", MAIN)
    fill(name="lab")
    press("Create")
    until(text_in("@lab"), "a netgroup is made")
    press("Add member to lab", MAIN)
    fill(value="10.1.0.0/16")
    press("Add")
    until(text_in("10.1.0.0/16"), "a network joins it")
    port = b.js("[...document.querySelectorAll('main tbody tr')].find((r) => r.innerText.includes('nfs')).querySelectorAll('td')[1].innerText")
    port = "".join(c for c in port if c.isdigit())
    journals = daemon.home + "/journals"
    os.mkdir(journals)
    load = subprocess.Popen([build + "/tests/bin/crash_checker", "load", "-q", "-j", journals, "-d", "data", "-w", "2", "-t", "90",
                             f"127.0.0.1:{port}:/export"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def live():
    page("overview")
    until("document.querySelectorAll('.card b').length === 5 && [...document.querySelectorAll('.card b')].every((n) => parseFloat(n.textContent) > 0)", "live throughput is shown")
    until("[...document.querySelectorAll('main table')].length === 2 && document.querySelectorAll('main tbody tr').length >= 6", "stage queues and disks are shown")
    time.sleep(12)
    case(b.js("document.querySelectorAll('main svg path.stroke').length") >= 5, "its past is a line")


def others():
    if "clients" in b.js("[...document.querySelectorAll('nav a')].map((a) => a.hash).join()"):
        page("clients")
        until("document.querySelector('main tbody')?.innerText.includes('127.0.0.1')", "a client is listed while it works")
        case(b.js("!!document.querySelector(\"main [aria-label='Disconnect 127.0.0.1']\")"), "and could be disconnected")
    page("settings")
    until(text_in("logging.level"), "live settings")
    page("audit")
    until(text_in("createShare"), "the audit trail")
    for word in PAGES:
        if word == "clients" and "clients" not in b.js("[...document.querySelectorAll('nav a')].map((a) => a.hash).join()"):
            print("# this build lists no clients")
            continue
        page(word)
        time.sleep(0.4)
        survey(word)


def trouble():
    page("overview")
    daemon.stop()
    until("!document.querySelector('#trouble').hidden", "a server that is gone is said, and the page stays", 30)
    until("document.querySelector('main .state.poor')?.textContent === 'unreachable'", "and its health is not said to be what it was")
    b.shot(f"{shots}/trouble.png")
    b.js("location.hash = '#shares'")
    until("document.querySelector('main [role=alert]')?.textContent.includes('does not answer')", "a page that cannot be had says why", 30)
    survey("unreachable")
    daemon.start()
    press("Try again", MAIN)
    until("document.querySelector('main .state.good')", "and can be tried again; the session goes on", 30)


def another():
    press("Log out", "header")
    until("document.querySelector('main [name=password]') && document.querySelector('nav').hidden", "logged out")
    fill(MAIN, username="alice", password="long-enough-2")
    press("Log in", MAIN)
    until("document.querySelectorAll('nav a').length === 2 || document.querySelector('main [name=new_password]')", "an operator logs in")
    if b.js("!!document.querySelector('main [name=new_password]')"):
        survey("first-password")
        fill(MAIN, new_password="long-enough-3")
        press("Set password", MAIN)
    until("document.querySelectorAll('nav a').length === 2", "an operator sees the overview and adapters alone")


b = Browser(chromium)
try:
    shutil.rmtree(shots, ignore_errors=True)
    daemon.start()
    b.look(*SCREENS["wide"], False)
    b.go(f"http://127.0.0.1:{daemon.rest}/")
    log_in()
    empty_states()
    stores()
    share_by_keyboard()
    sealed()
    behind()
    people()
    serve()
    live()
    others()
    if load:
        load.terminate()
        load.wait()
    trouble()
    another()
    case(not b.faults, "no script failed and no policy was broken", b.faults)
    print(f"1..{done}")
    for name in sorted(os.listdir(shots)):
        print("# " + os.path.join(shots, name))
    print(f"# {done - bad} of {done} cases, {len(os.listdir(shots))} screenshots in {shots}")
finally:
    if load:
        load.kill()
    b.close()
    daemon.remove()
sys.exit(bad > 0)
