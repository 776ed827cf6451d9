"""A small API server: enough of Kubernetes for a controller to be tested against.

Lists in pages, watches with bookmarks, resourceVersion on everything, conflicts, merge patches,
status subresources, finalizers, owner references (what is owned goes with its owner), generations,
bearer tokens over TLS, and the rights of mgmt/deploy/k8s/operator/rbac.yaml.  Faults on demand: see Faults.  A StatefulSet gets a pod after a while, and
loses it a while after it was scaled to nothing.
"""
import copy, json, os, re, ssl, threading, time, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

PATH = re.compile(r"^(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+))?(/status)?$")
KNOWN = {"/api/v1": {"configmaps", "services", "persistentvolumeclaims"}, "/apis/apps/v1": {"statefulsets"},
         "/apis/coordination.k8s.io/v1": {"leases"}, "/apis/dittofs.dittofs.com/v1alpha1": {"dittoservers"}}
WITH_STATUS = {"statefulsets", "dittoservers"}


RIGHTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../mgmt/deploy/k8s/operator/rbac.yaml")
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def rights():
    """(group, resource, verb) that the operator's roles allow."""
    with open(RIGHTS) as f:
        rules = [r for d in yaml.safe_load_all(f) for r in d.get("rules", [])]
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


class Faults:
    """What goes wrong, how often from now on."""
    conflicts = 0        # changes of other things than leases that are answered 409, as if someone was faster
    errors = 0           # changes that are answered 500
    cut_watches = 0      # watches that end in the middle of a line at their next event
    gone_watches = 0     # watches that are answered 410
    refuse = False       # no answer to anything but leases
    refuse_leases = False


class Refused(Exception):
    def __init__(self, code, message):
        self.code, self.message = code, message


def merge(into, patch):
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            into[key] = merge(into[key] if isinstance(into.get(key), dict) else {}, value)
        else:
            into[key] = copy.deepcopy(value)
    return into


class Store:
    def __init__(self, pod_delay=0.3):
        self.lock = threading.Condition()
        self.objects, self.events, self.version = {}, [], 100
        self.oldest = 100                    # watches from before it are answered 410
        self.faults, self.requests, self.pod_delay = Faults(), [], pod_delay
        self.stopping = False

    def note(self, kind, key, obj):
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, kind, key, copy.deepcopy(obj)))
        self.lock.notify_all()

    def get(self, key):
        with self.lock:
            if key not in self.objects:
                raise Refused(404, f"{key[1]} \"{key[3]}\" not found")
            return copy.deepcopy(self.objects[key])

    def create(self, key, obj):
        with self.lock:
            if key in self.objects:
                raise Refused(409, "already exists")
            meta = obj.setdefault("metadata", {})
            meta.update(uid=str(uuid.uuid4()), generation=1, namespace=key[2], name=key[3],
                        creationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
            if key[1] in WITH_STATUS:
                obj.pop("status", None)
            self.defaults(key[1], obj)
            self.objects[key] = obj
            self.note("ADDED", key, obj)
            return copy.deepcopy(obj)

    def defaults(self, plural, obj):
        """What a real server fills in, so that a controller that compares whole objects never ends."""
        if plural == "services":
            obj["spec"].setdefault("clusterIP", "10.0.0.7")
            obj["spec"].setdefault("sessionAffinity", "None")
        if plural == "statefulsets":
            obj["spec"].setdefault("podManagementPolicy", "OrderedReady")
            pod = obj["spec"]["template"]["spec"]
            pod.setdefault("dnsPolicy", "ClusterFirst")
            if pod.get("nodeSelector") == {}:
                del pod["nodeSelector"]
            for c in pod["containers"]:
                c.setdefault("terminationMessagePath", "/dev/termination-log")
                for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                    c[probe].setdefault("timeoutSeconds", 1)
                    c[probe]["httpGet"].setdefault("scheme", "HTTP")
        if plural == "persistentvolumeclaims":
            obj["spec"].setdefault("volumeMode", "Filesystem")
            obj.setdefault("status", {})["phase"] = "Bound"

    def change(self, key, new, status=False, lead=None):
        """lead: the resourceVersion that was looked at; another one is a conflict."""
        with self.lock:
            if key not in self.objects:
                raise Refused(404, "not found")
            was = self.objects[key]
            if lead is not None and lead != was["metadata"]["resourceVersion"]:
                raise Refused(409, "the object has been modified; please apply your changes to the latest version")
            obj = copy.deepcopy(was)
            if status:
                obj["status"] = copy.deepcopy(new.get("status", {}))
            else:
                obj = copy.deepcopy(new)
                if key[1] in WITH_STATUS:
                    obj.pop("status", None)
                    if "status" in was:
                        obj["status"] = copy.deepcopy(was["status"])
                for fixed in ("uid", "creationTimestamp", "deletionTimestamp", "generation"):
                    if fixed in was["metadata"]:
                        obj["metadata"][fixed] = was["metadata"][fixed]
                self.immutable(key[1], was, obj)
                self.defaults(key[1], obj)
                if obj.get("spec") != was.get("spec"):
                    obj["metadata"]["generation"] = was["metadata"]["generation"] + 1
            plain = lambda o: {**o, "metadata": {k: v for k, v in o["metadata"].items() if k != "resourceVersion"}}
            if plain(obj) == plain(was):
                return copy.deepcopy(was)
            self.objects[key] = obj
            if obj["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
                self.drop(key)
            else:
                self.note("MODIFIED", key, obj)
            return copy.deepcopy(obj)

    def immutable(self, plural, was, now):
        if plural == "persistentvolumeclaims":
            for field in ("accessModes", "storageClassName"):
                if was["spec"].get(field) != now["spec"].get(field):
                    raise Refused(422, f"spec.{field} is immutable")
        if plural == "statefulsets":
            for field in ("selector", "serviceName"):
                if was["spec"].get(field) != now["spec"].get(field):
                    raise Refused(422, f"spec.{field} is immutable")

    def delete(self, key):
        with self.lock:
            if key not in self.objects:
                raise Refused(404, "not found")
            obj = self.objects[key]
            if obj["metadata"].get("finalizers"):
                if "deletionTimestamp" not in obj["metadata"]:
                    obj["metadata"]["deletionTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                    obj["metadata"]["generation"] += 1
                    self.note("MODIFIED", key, obj)
            else:
                self.drop(key)
            return copy.deepcopy(obj)

    def drop(self, key):
        obj = self.objects.pop(key)
        self.note("DELETED", key, obj)
        for other in [k for k, o in self.objects.items() if any(
                r["uid"] == obj["metadata"]["uid"] for r in o["metadata"].get("ownerReferences", []))]:
            self.drop(other)

    def forget(self):
        """Old events are compacted away: whoever watches from before must list again."""
        with self.lock:
            self.events, self.oldest = [], self.version + 1
            self.version += 1

    def pods(self):
        """What the StatefulSet's own controller does."""
        while not self.stopping:
            time.sleep(self.pod_delay)
            with self.lock:
                for key, obj in list(self.objects.items()):
                    if key[1] != "statefulsets":
                        continue
                    n = obj["spec"]["replicas"]
                    status = {"replicas": n, "readyReplicas": n, "observedGeneration": obj["metadata"]["generation"]}
                    if obj.get("status") != status:
                        obj["status"] = status
                        self.note("MODIFIED", key, obj)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def any(self):
        store, length = self.server.store, int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            self.answer(*self.work(store, urlsplit(self.path), body))
        except Refused as r:
            self.answer(r.code, {"kind": "Status", "status": "Failure", "code": r.code, "message": r.message})
        except OSError:                      # they went, or we cut
            self.close_connection = True
        except StopIteration:
            pass

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

    def work(self, store, url, body):
        if self.headers.get("Authorization") != "Bearer " + self.server.token():
            raise Refused(401, "Unauthorized")
        m = PATH.match(url.path)
        if not m or m[3] not in KNOWN.get(m[1], ()):
            raise Refused(404, "the server could not find the requested resource")
        key, query = (m[1], m[3], m[2], m[4] and unquote(m[4])), {k: v[0] for k, v in parse_qs(url.query).items()}
        lease = m[3] == "leases"
        verb = VERBS.get(self.command) or ("get" if key[3] else "watch" if query.get("watch") else "list")
        right = ("" if m[1] == "/api/v1" else m[1].split("/")[2], m[3] + (m[5] or ""), verb)
        if right not in self.server.rights:
            self.server.forbidden.append(right)
            raise Refused(403, "forbidden")
        store.requests.append((self.command, url.path, query))
        if store.faults.refuse_leases if lease else store.faults.refuse:
            self.close_connection = True
            raise ConnectionError
        if self.command == "GET":
            if key[3]:
                return 200, store.get(key)
            return self.watch(store, key, query) if query.get("watch") else self.list(store, key, query)
        if not lease:
            self.fault(store)
        return self.write(store, key, m[5], json.loads(body) if body else {})

    def fault(self, store):
        with store.lock:
            if store.faults.conflicts > 0:
                store.faults.conflicts -= 1
                raise Refused(409, "the object has been modified; please apply your changes to the latest version")
            if store.faults.errors > 0:
                store.faults.errors -= 1
                raise Refused(500, "etcd is on fire")

    def write(self, store, key, status, new):
        if self.command == "POST":
            return 201, store.create((key[0], key[1], key[2], new["metadata"]["name"]), new)
        if self.command == "DELETE":
            return 200, store.delete(key)
        lead = new.get("metadata", {}).get("resourceVersion")
        if self.command == "PATCH":
            if self.headers.get("Content-Type") != "application/merge-patch+json":
                raise Refused(415, "only merge patches")
            new = merge(store.get(key), new)
        return 200, store.change(key, new, bool(status), lead)

    def matches(self, key, query, k, obj):
        labels = obj["metadata"].get("labels", {})
        wanted = [w.split("=", 1) for w in query.get("labelSelector", "").split(",") if w]
        return k[:2] == key[:2] and key[2] in (None, k[2]) and all(labels.get(a) == b for a, b in wanted)

    def list(self, store, key, query):
        limit, after = int(query.get("limit", 500)), query.get("continue", "")
        with store.lock:
            all = sorted((k[2] + "/" + k[3], copy.deepcopy(o)) for k, o in store.objects.items() if self.matches(key, query, k, o))
            version = str(store.version)
        rest = [(n, o) for n, o in all if n > after]
        meta = {"resourceVersion": version}
        if len(rest) > limit:
            meta["continue"] = rest[limit - 1][0]
        return 200, {"kind": "List", "metadata": meta, "items": [o for _, o in rest[:limit]]}

    def send_line(self, event, cut=False):
        data = json.dumps(event).encode() + b"\n"
        if cut:
            data = data[:len(data) // 2]
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()
        if cut:
            self.close_connection = True
            raise ConnectionError

    def watch(self, store, key, query):
        at = int(query["resourceVersion"])
        with store.lock:
            if store.faults.gone_watches > 0:
                store.faults.gone_watches -= 1
                raise Refused(410, "too old resource version")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        quiet = time.time()
        while not store.stopping:
            with store.lock:
                if at < store.oldest - 1:
                    self.send_line({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
                    break
                news = [e for e in store.events if e[0] > at]
                if not news:
                    store.lock.wait(0.2)
                now, cut = store.version, store.faults.cut_watches > 0
            for version, kind, k, obj in news:
                if self.matches(key, query, k, obj):
                    if cut:
                        store.faults.cut_watches -= 1
                    self.send_line({"type": kind, "object": obj}, cut)
                    quiet = time.time()
                at = version
            if time.time() - quiet > 2 and not news:
                quiet, at = time.time(), max(at, now)
                self.send_line({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(at)}}})
        self.wfile.write(b"0\r\n\r\n")
        raise StopIteration


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, account, cert, key):
        super().__init__(("127.0.0.1", 0), Handler)
        self.account, self.store, self.rights, self.forbidden = account, Store(), rights(), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        for work in (self.serve_forever, self.store.pods):
            threading.Thread(target=work, daemon=True).start()

    def handle_error(self, request, client_address):
        pass                                 # who breaks off a handshake

    def token(self):
        with open(self.account + "/token") as f:
            return f.read().strip()

    def end(self):
        self.store.stopping = True
        self.shutdown()
