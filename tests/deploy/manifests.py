#!/usr/bin/env python3
"""manifests.py: the Kubernetes manifests and the Compose file, checked without a cluster.

Every field must be one that its kind has (the core fields, as a table below), and what refers to
something must find it: selectors, volumes, ports, resources of a kustomization.  The custom resource's
schema must be structural, its example must follow it, and mgmt/operator/ditto.c must read its fields.
"""
import os, re, sys
import yaml

top = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
deploy = os.path.join(top, "mgmt/deploy")
bad, good = [], 0


class Map:
    """Any names, values of one type."""
    def __init__(self, of):
        self.of = of


ANY = object()
PORT = (int, str)
META = {"name!": str, "namespace": str, "labels": Map(str), "annotations": Map(str)}
QUANTITIES = {"requests": Map((str, int)), "limits": Map((str, int))}
SELECTOR = {"matchLabels": Map(str)}
PROBE = {"httpGet!": {"path!": str, "port!": PORT, "scheme": str}, "periodSeconds": int, "timeoutSeconds": int,
         "failureThreshold": int, "successThreshold": int, "initialDelaySeconds": int}
CONTAINER = {
    "name!": str, "image!": str, "imagePullPolicy": {"Always", "IfNotPresent", "Never"}, "command": [str], "args": [str],
    "env": [{"name!": str, "value": str, "valueFrom": {"secretKeyRef": {"name!": str, "key!": str, "optional": bool}}}],
    "ports": [{"name": str, "containerPort!": int, "protocol": {"TCP", "UDP"}}],
    "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE, "resources": QUANTITIES,
    "securityContext": {"allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool, "capabilities": {"drop": [str], "add": [str]}},
    "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool, "subPath": str}]}
POD = {
    "containers!": [CONTAINER], "serviceAccountName": str, "automountServiceAccountToken": bool, "nodeSelector": Map(str),
    "terminationGracePeriodSeconds": int,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int,
                        "fsGroupChangePolicy": {"Always", "OnRootMismatch"}, "seccompProfile": {"type!": str, "localhostProfile": str}},
    "volumes": [{"name!": str, "configMap": {"name!": str}, "persistentVolumeClaim": {"claimName!": str}, "emptyDir": Map(ANY)}]}
TEMPLATE = {"metadata!": {"labels!": Map(str), "annotations": Map(str)}, "spec!": POD}
CLAIM = {"accessModes!": [{"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"}], "storageClassName": str, "resources!": QUANTITIES}
RULE = {"apiGroups!": [str], "resources!": [str], "verbs!": [{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}]}
ROLE_REF = {"apiGroup!": {"rbac.authorization.k8s.io"}, "kind!": {"Role", "ClusterRole"}, "name!": str}
SUBJECT = {"kind!": {"ServiceAccount"}, "name!": str, "namespace": str}
POLICY_PORT = {"port": PORT, "protocol": {"TCP", "UDP"}}
PEER = {"podSelector": Map(ANY), "namespaceSelector": Map(ANY)}
KINDS = {
    ("v1", "Namespace"): {}, ("v1", "ServiceAccount"): {}, ("v1", "ConfigMap"): {"data": Map(str)},
    ("v1", "Service"): {"spec!": {"type": {"ClusterIP", "NodePort", "LoadBalancer"}, "clusterIP": str, "selector!": Map(str),
                                  "ports!": [{"name": str, "port!": int, "targetPort": PORT, "protocol": {"TCP", "UDP"}}]}},
    ("apps/v1", "StatefulSet"): {"spec!": {"serviceName!": str, "replicas": int, "selector!": SELECTOR, "template!": TEMPLATE,
                                           "volumeClaimTemplates": [{"metadata!": META, "spec!": CLAIM}]}},
    ("apps/v1", "Deployment"): {"spec!": {"replicas": int, "selector!": SELECTOR, "template!": TEMPLATE}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec!": {"podSelector!": SELECTOR, "policyTypes": [{"Ingress", "Egress"}],
                                                          "ingress": [{"from": [PEER], "ports": [POLICY_PORT]}]}},
    ("rbac.authorization.k8s.io/v1", "Role"): {"rules!": [RULE]}, ("rbac.authorization.k8s.io/v1", "ClusterRole"): {"rules!": [RULE]},
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): {"roleRef!": ROLE_REF, "subjects!": [SUBJECT]},
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): {"roleRef!": ROLE_REF, "subjects!": [SUBJECT]},
}
COMPOSE = {"services!": Map({
    "build": {"context!": str, "dockerfile": str}, "image": str, "ports": [str], "environment": Map(str), "volumes": [str],
    "stop_grace_period": str, "read_only": bool, "cap_drop": [str], "security_opt": [str], "tmpfs": [str], "command": [str],
    "restart": {"no", "always", "on-failure", "unless-stopped"}, "user": str}), "volumes": Map(ANY)}
KUSTOMIZE = {"apiVersion!": {"kustomize.config.k8s.io/v1beta1"}, "kind!": {"Kustomization"}, "namespace": str, "resources!": [str],
             "images": [{"name!": str, "newName": str, "newTag": str}]}


def fail(where, what):
    bad.append(f"{where}: {what}")


def check(value, wanted, where):
    if wanted is ANY:
        return
    if isinstance(wanted, Map):
        if not isinstance(value, dict):
            return fail(where, "is no map")
        for k, v in value.items():
            check(v, wanted.of, f"{where}.{k}")
    elif isinstance(wanted, dict):
        if not isinstance(value, dict):
            return fail(where, "is no map")
        fields = {k.rstrip("!"): v for k, v in wanted.items()}
        for k in wanted:
            if k.endswith("!") and k[:-1] not in value:
                fail(where, f"lacks {k[:-1]}")
        for k, v in value.items():
            if k in fields:
                check(v, fields[k], f"{where}.{k}")
            else:
                fail(where, f"has no field {k}")
    elif isinstance(wanted, list):
        if not isinstance(value, list) or not value:
            return fail(where, "is no list")
        for i, v in enumerate(value):
            check(v, wanted[0], f"{where}[{i}]")
    elif isinstance(wanted, set):
        if value not in wanted:
            fail(where, f"is {value!r}, none of {sorted(wanted)}")
    elif not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        fail(where, f"is {value!r}, of another type")


class Unique(yaml.SafeLoader):
    """Names that come twice are an error, not the last one's luck."""


def no_twice(loader, node):
    keys = [loader.construct_object(k) for k, _ in node.value]
    for k in keys:
        if keys.count(k) > 1:
            raise yaml.YAMLError(f"{k} comes twice, line {node.start_mark.line + 1}")
    return loader.construct_mapping(node, True)


Unique.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, no_twice)


def read(path):
    try:
        with open(path) as f:
            return [d for d in yaml.load_all(f, Unique) if d is not None]
    except (OSError, yaml.YAMLError) as e:
        fail(os.path.relpath(path, top), str(e).split("\n")[0])
        return []


def pods(docs):
    """Whatever has a pod: that what it mentions is there."""
    configs = {d["metadata"]["name"] for d in docs if d["kind"] == "ConfigMap"}
    accounts = {d["metadata"]["name"] for d in docs if d["kind"] == "ServiceAccount"}
    labels, ports = [], set()
    for d in docs:
        if d["kind"] not in ("StatefulSet", "Deployment"):
            continue
        where, spec = f"{d['kind']}/{d['metadata']['name']}", d["spec"]
        mine = spec["template"]["metadata"]["labels"]
        labels.append(mine)
        if any(mine.get(k) != v for k, v in spec["selector"]["matchLabels"].items()):
            fail(where, "its selector does not match its own pods")
        pod = spec["template"]["spec"]
        if pod.get("serviceAccountName") and pod["serviceAccountName"] not in accounts:
            fail(where, "its service account is not there")
        volumes = {v["name"] for v in pod.get("volumes", [])} | {v["metadata"]["name"] for v in spec.get("volumeClaimTemplates", [])}
        for v in pod.get("volumes", []):
            if "configMap" in v and v["configMap"]["name"] not in configs:
                fail(where, f"no ConfigMap {v['configMap']['name']}")
        for c in pod["containers"]:
            names = {p.get("name") for p in c.get("ports", [])}
            ports |= names
            for m in c.get("volumeMounts", []):
                if m["name"] not in volumes:
                    fail(where, f"no volume {m['name']}")
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in c and c[probe]["httpGet"]["port"] not in names:
                    fail(where, f"{probe}: no port of that name")
            if c.get("securityContext", {}).get("allowPrivilegeEscalation") is not False or not pod.get("securityContext", {}).get("runAsNonRoot"):
                fail(where, "may gain rights: not for a restricted namespace")
    for d in docs:
        where = f"{d['kind']}/{d['metadata']['name']}"
        if d["kind"] == "Service":
            if not any(all(l.get(k) == v for k, v in d["spec"]["selector"].items()) for l in labels):
                fail(where, "its selector finds no pod")
            for p in d["spec"]["ports"]:
                if isinstance(p.get("targetPort"), str) and p["targetPort"] not in ports:
                    fail(where, f"no port {p['targetPort']}")
        if d["kind"].endswith("RoleBinding"):
            if not any(o["kind"] == d["roleRef"]["kind"] and o["metadata"]["name"] == d["roleRef"]["name"] for o in docs):
                fail(where, "its role is not there")


def structural(schema, where, names):
    if schema.get("type") not in ("object", "array", "string", "integer", "boolean", "number"):
        fail(where, "has no type, so the schema is not structural")
    for k in schema:
        if k not in ("type", "properties", "required", "items", "additionalProperties", "enum", "pattern", "minimum", "maximum",
                     "maxLength", "maxProperties", "description", "format"):
            fail(where, f"has no keyword {k}")
    for k in schema.get("required", []):
        if k not in schema.get("properties", {}):
            fail(where, f"requires {k}, which it does not have")
    for k, v in schema.get("properties", {}).items():
        names.add(k)
        structural(v, f"{where}.{k}", names)
    for k in ("items", "additionalProperties"):
        if k in schema:
            structural(schema[k], f"{where}[]", names)
    if schema.get("type") == "array" and "items" not in schema:
        fail(where, "is a list of nothing")


def follows(value, schema, where):
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}
    if not isinstance(value, kinds[schema["type"]]):
        return fail(where, f"is {value!r}, not {schema['type']}")
    if "enum" in schema and value not in schema["enum"]:
        fail(where, f"is {value!r}, none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        fail(where, f"{value!r} does not match")
    if not schema.get("minimum", float("-inf")) <= (value if isinstance(value, int) else 0) <= schema.get("maximum", float("inf")):
        fail(where, f"{value!r} is out of bounds")
    if isinstance(value, dict):
        for k in schema.get("required", []):
            if k not in value:
                fail(where, f"lacks {k}")
        for k, v in value.items():
            inner = schema.get("properties", {}).get(k) or schema.get("additionalProperties")
            if inner:
                follows(v, inner, f"{where}.{k}")
            else:
                fail(where, f"has no field {k}")


def crd(d, example):
    spec = d["spec"]
    if d["metadata"]["name"] != f"{spec['names']['plural']}.{spec['group']}":
        fail("CustomResourceDefinition", "its name is not PLURAL.GROUP")
    stored = [v for v in spec["versions"] if v["storage"]]
    if len(stored) != 1:
        fail("CustomResourceDefinition", "not exactly one stored version")
    schema, names = stored[0]["schema"]["openAPIV3Schema"], set()
    structural(schema, "schema", names)
    inside = schema["properties"]["spec"]
    for d in example:
        follows(d["spec"], inside, "example.spec")
    names = set()
    structural(inside, "spec", names)
    code = open(os.path.join(top, "mgmt/operator/ditto.c")).read()
    for name in sorted(names - {"requests", "limits"}):
        if f'"{name}"' not in code:
            fail("crd.yaml", f"has spec field {name}, which mgmt/operator/ditto.c does not read")


def folder(path):
    global good
    where = os.path.relpath(path, top)
    kustomization = read(os.path.join(path, "kustomization.yaml"))
    if len(kustomization) != 1:
        return fail(where, "no kustomization.yaml")
    check(kustomization[0], KUSTOMIZE, where + "/kustomization.yaml")
    names = kustomization[0].get("resources", [])
    for f in sorted(os.listdir(path)):
        if f not in names and f not in ("kustomization.yaml", "example.yaml"):
            fail(where, f"{f} is in no kustomization")
    docs = []
    for name in names:
        for d in read(os.path.join(path, name)):
            docs.append(d)
            kind = (d.get("apiVersion"), d.get("kind"))
            if kind == ("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
                crd(d, read(os.path.join(path, "example.yaml")))
            elif kind in KINDS:
                check(d, {"apiVersion!": str, "kind!": str, "metadata!": META, **KINDS[kind]}, f"{where}/{name} {kind[1]}")
            else:
                fail(f"{where}/{name}", f"no table for {kind}")
            good += 1
    if not bad:
        pods(docs)


def compose(path):
    global good
    where = os.path.relpath(path, top)
    for d in read(path):
        check(d, COMPOSE, where)
        for name, s in d["services"].items():
            if "build" in s:
                context = os.path.normpath(os.path.join(os.path.dirname(path), s["build"]["context"]))
                if not os.path.exists(os.path.join(context, s["build"]["dockerfile"])):
                    fail(where, "its Dockerfile is not there")
            for v in s.get("volumes", []):
                if not v.startswith(("/", ".")) and v.split(":")[0] not in d.get("volumes", {}):
                    fail(where, f"no volume {v}")
            for p in s.get("ports", []):
                if not re.fullmatch(r"(\d+\.\d+\.\d+\.\d+:)?\d+:\d+(/(tcp|udp))?", p):
                    fail(where, f"no port mapping: {p}")
        good += 1


def itself():
    """The check must be able to fail: each of these is wrong in its own way."""
    global bad
    for value, wanted in (({"nmae": "x"}, META), ({}, META), ({"name": 1}, META), ("x", [str]), ([], [str]), (True, int),
                          ("Sometimes", {"Always"}), ({"a": 1}, Map(str))):
        check(value, wanted, "itself")
        if not bad:
            sys.exit(f"manifests.py: {value!r} should not have passed")
        bad = []


itself()
folder(os.path.join(deploy, "k8s/server"))
folder(os.path.join(deploy, "k8s/operator"))
compose(os.path.join(deploy, "docker/compose.yaml"))
print("\n".join(bad) if bad else f"{good} documents")
sys.exit(bool(bad))
