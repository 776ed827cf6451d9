#!/usr/bin/env python3
"""operator.py BUILD: dfs operator against an API server of ours, as TAP."""
import copy, os, shutil, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from apiserver import Server  # noqa: E402

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
work = tempfile.mkdtemp(prefix="operator.")
account = work + "/account"
os.mkdir(account)
done, bad, running = 0, 0, []
DITTO = "/apis/dittofs.dittofs.com/v1alpha1"
KINDS = {"config": ("/api/v1", "configmaps", "-config"), "claim": ("/api/v1", "persistentvolumeclaims", "-state"),
         "service": ("/api/v1", "services", ""), "set": ("/apis/apps/v1", "statefulsets", "")}
LEASE = ("/apis/coordination.k8s.io/v1", "leases", "system", "dittofs-operator")


def case(fact, what, more=""):
    global done, bad
    done += 1
    bad += not fact
    print(f"{'ok' if fact else 'not ok'} {done} - {what}", flush=True)
    if not fact:
        print(f"# {more}", flush=True)
        print("# " + "\n# ".join(open(work + "/log").read().splitlines()[-12:]), flush=True)
    return fact


def until(fact, what, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if fact():
                return case(True, what)
        except (KeyError, TypeError, IndexError):
            pass
        time.sleep(0.05)
    return case(False, what, str({k[3]: o.get("status") for k, o in store.objects.items() if k[1] == "dittoservers"})[-1500:])


def start(name="a"):
    p = subprocess.Popen([build + "/dfs", "operator", "--kube-server", server.url, "--kube-account", account],
                         stdout=subprocess.DEVNULL, stderr=open(work + "/log", "ab"))
    running.append(p)
    return p


def stop(p, sig=signal.SIGTERM):
    p.send_signal(sig)
    code = p.wait(20)
    running.remove(p)
    return code


def key(name, kind, namespace="prod"):
    api, plural, suffix = KINDS[kind]
    return (api, plural, namespace, name + suffix)


def ditto(name, namespace="prod"):
    return (DITTO, "dittoservers", namespace, name)


def make(name, namespace="prod", **spec):
    store.create(ditto(name, namespace), {"kind": "DittoServer", "metadata": {"name": name},
                                          "spec": {"storage": {"size": "2Gi"}, **spec}})


def edit(name, change):
    """As kubectl does: from what is there, again where it had changed."""
    obj = store.get(ditto(name))
    change(obj["spec"])
    store.change(ditto(name), obj)


def child(name, kind):
    return store.objects.get(key(name, kind))


def status(name):
    return store.objects[ditto(name)].get("status", {})


def condition(name, kind):
    return next((c for c in status(name).get("conditions", []) if c["type"] == kind), {})


def running_(name):
    return status(name).get("phase") == "Running"


def making():
    make("files", admin={"passwordSecretRef": {"name": "first"}})
    until(lambda: running_("files"), "a server is made and runs")
    case(all(child("files", k) for k in KINDS), "it has its settings, volume, service and pod")
    meta = store.objects[ditto("files")]["metadata"]
    case(meta["finalizers"] == ["dittofs.dittofs.com/orderly-end"], "our finalizer is on it", meta)
    case(status("files")["observedGeneration"] == meta["generation"] and condition("files", "Ready")["status"] == "True" and
         condition("files", "Reconciled")["status"] == "True", "the status says so", status("files"))
    owner = child("files", "set")["metadata"]["ownerReferences"][0]
    case(owner["uid"] == meta["uid"] and owner["controller"], "the pod is owned by the server", owner)


def rest():
    """Nothing is written when nothing is to be done."""
    time.sleep(1)
    before = len([r for r in store.requests if r[0] != "GET" and "leases" not in r[1]])
    time.sleep(2)
    after = len([r for r in store.requests if r[0] != "GET" and "leases" not in r[1]])
    case(before == after, "where all is as wanted nothing is written", store.requests[-5:])


def changing():
    edit("files", lambda s: s.update(replicas=0))
    until(lambda: status("files")["phase"] == "Stopped" and child("files", "set")["spec"]["replicas"] == 0, "it is stopped by its spec")
    edit("files", lambda s: s.update(replicas=1, logging={"level": "debug"}))
    until(lambda: "level: debug" in child("files", "config")["data"]["config.yaml"], "settings reach their object")
    until(lambda: running_("files"), "and it runs again")
    since = condition("files", "Ready")["lastTransitionTime"]
    was = child("files", "set")["spec"]["template"]["metadata"]["annotations"]
    edit("files", lambda s: s["logging"].update(level="warn"))
    until(lambda: child("files", "set")["spec"]["template"]["metadata"]["annotations"] != was, "other settings make another pod")
    case(condition("files", "Ready")["lastTransitionTime"] == since, "a condition keeps its time while it stays", status("files"))
    edit("files", lambda s: s["storage"].update(size="4Gi"))
    until(lambda: child("files", "claim")["spec"]["resources"]["requests"]["storage"] == "4Gi", "a volume grows")
    edit("files", lambda s: s["storage"].update(size="3Gi"))
    until(lambda: condition("files", "Reconciled")["reason"] == "VolumeKept", "and does not shrink, which is said")
    case(child("files", "claim")["spec"]["resources"]["requests"]["storage"] == "4Gi", "it is as large as it was")
    edit("files", lambda s: s["storage"].update(size="4096Mi"))
    until(lambda: condition("files", "Reconciled")["reason"] == "AsWanted", "another word for the same size is the same size")


def drift():
    obj = store.get(key("files", "service"))
    obj["spec"]["ports"][0]["port"] = 1
    store.change(key("files", "service"), obj)
    until(lambda: child("files", "service")["spec"]["ports"][0]["port"] == 12049, "what somebody changed is changed back")
    store.delete(key("files", "config"))
    until(lambda: child("files", "config"), "what somebody deleted is made again")


def refusals():
    make("wrong", storage={"size": "none"})
    until(lambda: condition("wrong", "Reconciled").get("reason") == "InvalidSpec", "a spec that is wrong is said, with the field")
    case("storage.size" in condition("wrong", "Reconciled")["message"] and status("wrong")["phase"] == "Failed", "in words", status("wrong"))
    edit("wrong", lambda s: s.update(storage={"size": "2Gi"}))
    until(lambda: running_("wrong"), "and mended")
    store.create(key("taken", "service"), {"metadata": {"name": "taken"}, "spec": {"ports": [{"port": 80}]}})
    make("taken")
    until(lambda: condition("taken", "Reconciled").get("reason") == "NameTaken", "somebody else's object is left alone")
    case(child("taken", "service")["spec"]["ports"] == [{"port": 80}], "as it was")
    store.delete(key("taken", "service"))
    until(lambda: running_("taken"), "and when it is gone the server is made", 30)


def faults():
    store.faults.conflicts = 4
    make("races")
    until(lambda: running_("races"), "conflicts are tried again from what is there now")
    store.faults.errors = 3
    make("errors")
    until(lambda: running_("errors"), "a server that fails is tried again, later", 30)
    store.faults.cut_watches = 3
    make("cut")
    until(lambda: running_("cut") and store.faults.cut_watches == 0, "watches that are cut in the middle of a line go on", 30)
    store.forget()
    make("old")
    until(lambda: running_("old"), "a watch that is too old begins with a list", 30)
    store.faults.gone_watches, store.faults.cut_watches = 2, 1
    make("older")
    until(lambda: running_("older"), "so does one that is answered 410", 30)
    store.faults.refuse = True
    time.sleep(1)
    make("away")
    time.sleep(1)
    store.faults.refuse = False
    until(lambda: running_("away"), "an API server that was away is asked again", 40)
    with open(account + "/token", "w") as f:
        f.write("another-token")
    make("token")
    until(lambda: running_("token"), "a token that was turned is read anew", 30)


def many():
    for i in range(230):
        make(f"many-{i}", "crowd", replicas=0)
    stop(running[0])
    start()
    until(lambda: all(store.objects[ditto(f"many-{i}", "crowd")].get("status", {}).get("phase") == "Stopped" for i in range(230)),
          "a list of more than a page is read whole", 90)
    case(any(r[2].get("continue") for r in store.requests), "in pages")


def ending():
    make("gone", storage={"size": "2Gi", "onDelete": "Delete"})
    make("kept")
    until(lambda: running_("gone") and running_("kept"), "two more run", 30)
    store.pod_delay, was = 1.5, store.pod_delay
    del store.requests[:]
    store.delete(ditto("gone"))
    until(lambda: child("gone", "set")["spec"]["replicas"] == 0 and child("gone", "claim"), "the end begins with the pod")
    until(lambda: ditto("gone") not in store.objects, "the server goes when all is down", 30)
    case(not any(child("gone", k) for k in KINDS), "with all that belonged to it, and its volume as it was said")
    deletes = [r[1].split("/")[-2] for r in store.requests if r[0] == "DELETE"]
    case(deletes[:1] == ["statefulsets"] and "persistentvolumeclaims" in deletes, "the volume after the pod", deletes)
    store.pod_delay = was
    store.delete(ditto("kept"))
    until(lambda: ditto("kept") not in store.objects, "another goes", 30)
    case(child("kept", "claim") and not child("kept", "set"), "and its volume stays, as by default")
    make("kept")
    until(lambda: running_("kept"), "a server of that name has it again")


def leading():
    a = running[0]
    holder = store.objects[LEASE]["spec"]["holderIdentity"]
    b = start("b")
    time.sleep(3)
    case(store.objects[LEASE]["spec"]["holderIdentity"] == holder, "a second one does not lead")
    case(stop(a) == 0, "SIGTERM ends it well")
    make("second")
    until(lambda: running_("second"), "the other one leads at once, since the lease was given back")
    case(store.objects[LEASE]["spec"]["holderIdentity"] != holder and store.objects[LEASE]["spec"]["leaseTransitions"] >= 1, "the lease says so")
    c = start("c")
    time.sleep(1)
    stop(b, signal.SIGKILL)
    make("third")
    time.sleep(4)
    case(ditto("third") in store.objects and not child("third", "set"), "while a lease runs nobody else writes")
    until(lambda: running_("third"), "one that was killed is succeeded when its lease has run out", 40)
    store.faults.refuse_leases = True
    time.sleep(12)
    make("fourth")
    time.sleep(3)
    case(not child("fourth", "set"), "who cannot renew does not write any more")
    store.faults.refuse_leases = False
    until(lambda: running_("fourth"), "and does when it can", 40)
    stop(c)


def strangers():
    text = open(work + "/log").read()
    case("a-first-token" not in text and "another-token" not in text, "no token is in the log")
    other = tempfile.mkdtemp(dir=work)
    certificate(other)
    shutil.copy(account + "/token", other + "/token")
    open(other + "/namespace", "w").write("system")
    before = len(store.requests)
    p = subprocess.Popen([build + "/dfs", "operator", "--kube-server", server.url, "--kube-account", other],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(3)
    p.terminate()
    said = p.communicate()[1].decode()
    case(len(store.requests) == before and "certificate" in said.lower(), "an API server that the CA does not know gets no token", said[-300:])
    p = subprocess.run([build + "/dfs", "operator", "--kube-account", work + "/none"], capture_output=True, text=True,
                       env={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"})
    case(p.returncode == 1 and "token" in p.stderr, "without an account it says what is missing", p.stderr)
    p = subprocess.run([build + "/dfs", "operator"], capture_output=True, text=True, env={})
    case(p.returncode == 1 and "--kube-server" in p.stderr, "outside of a pod, too", p.stderr)


def certificate(where):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", where + "/key.pem", "-out", where + "/ca.crt"],
                   check=True, capture_output=True)


certificate(account)
open(account + "/token", "w").write("a-first-token\n")
open(account + "/namespace", "w").write("system")
server = Server(account, account + "/ca.crt", account + "/key.pem")
store = server.store
try:
    start()
    for part in (making, rest, changing, drift, refusals, faults, ending, leading, strangers, ):
        part()
    start()
    many()
    case(not server.forbidden, "the roles of rbac.yaml allow all that was asked", server.forbidden)
    print(f"1..{done}")
    print(f"# {done - bad} of {done} cases")
finally:
    for p in running:
        p.kill()
    server.end()
    shutil.rmtree(work, ignore_errors=True)
sys.exit(bad > 0)
