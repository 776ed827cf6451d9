#!/usr/bin/env python3
"""image.py BASE [WORK]: the Dockerfile's steps, run in roots of their own; image.py --parse: read it.

BASE is a bookworm made by debootstrap (--variant=minbase); each FROM is a copy of it.  Steps that
this does not know are an error, so the file cannot say more than is tried.  In the end its CMD is
started as its USER with its ENV: it must answer /health on the port it EXPOSEs, and end well at its
STOPSIGNAL.  As root, with a network; takes minutes.
"""
import json, os, re, shutil, signal, subprocess, sys, tempfile, time, urllib.request

top = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "CMD"}


def steps():
    with open(top + "/mgmt/deploy/docker/Dockerfile") as f:
        text = "".join(line for line in f if not line.lstrip().startswith("#")).replace("\\\n", " ")
    out = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        word, rest = line.split(None, 1)
        if word not in KNOWN:
            sys.exit(f"image.py: no step {word}")
        out.append((word, re.sub(r"\s+", " ", rest)))
    words = [w for w, _ in out]
    if words[0] != "FROM" or words.count("CMD") != 1 or "USER" not in words:
        sys.exit("image.py: it has no FROM first, no CMD, or runs as root")
    for word, rest in out:
        if word == "FROM" and not re.fullmatch(r"debian:bookworm-slim( AS \w+)?", rest):
            sys.exit(f"image.py: FROM {rest}: only bookworm is known here")
    return out


class Image:
    def __init__(self, base, root):
        subprocess.run(["cp", "-a", base, root], check=True)
        self.root, self.dir, self.env, self.user, self.expose = root, "/", {}, "root", []
        subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
        shutil.copy("/etc/resolv.conf", root + "/etc/resolv.conf")
        with open(root + "/usr/sbin/policy-rc.d", "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(root + "/usr/sbin/policy-rc.d", 0o755)

    def environment(self):
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **self.env}

    def run(self, command):
        subprocess.run(["chroot", self.root, "/bin/sh", "-c", f"cd {self.dir} && {command}"], check=True, env=self.environment())

    def close(self):
        subprocess.run(["umount", self.root + "/proc"])


def copy(image, images, rest):
    words = rest.split()
    if words[0].startswith("--from="):
        source, words = images[words[0][7:]].root, words[1:]
        *names, to = words
        for name in names:
            subprocess.run(f"cp -a {source}{name} {image.root}{to}", shell=True, check=True)
    else:
        assert words == [".", "."], rest
        subprocess.run(f"git -C {top} archive HEAD | tar -x -C {image.root}{image.dir}", shell=True, check=True)


def build(base, work):
    images, image, cmd, stop = {}, None, None, "SIGTERM"
    for word, rest in steps():
        print(f"== {word} {rest}", flush=True)
        if word == "FROM":
            name = (rest.split(" AS ") + [str(len(images))])[1]
            image = images[name] = Image(base, f"{work}/{name}")
        elif word == "WORKDIR":
            image.dir = rest
            os.makedirs(image.root + rest, exist_ok=True)
        elif word == "COPY":
            copy(image, images, rest)
        elif word == "RUN":
            image.run(rest)
        elif word == "ENV":
            image.env.update(p.split("=", 1) for p in rest.split())
        elif word == "USER":
            image.user = rest
        elif word == "EXPOSE":
            image.expose = rest.split()
        elif word == "STOPSIGNAL":
            stop = rest
        elif word == "CMD":
            cmd = json.loads(rest)
    return images, image, cmd, stop


def serve(image, cmd, stop):
    env = {**image.environment(), "DITTOFS_ADMIN_INITIAL_PASSWORD": "only-for-this-test", "HOME": "/nonexistent"}
    env["DITTOFS_NFS_PORT"], env["DITTOFS_CONTROLPLANE_PORT"], env["DITTOFS_METRICS_PORT"] = "22049", "28080", "29090"
    p = subprocess.Popen(["chroot", image.root, "setpriv", "--reuid", image.user, "--regid", image.user, "--clear-groups",
                          "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *cmd], env=env)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen("http://127.0.0.1:28080/health", timeout=2) as r:
                    assert r.status == 200
                break
            except OSError:
                time.sleep(0.1)
                assert p.poll() is None, "it ended"
        else:
            sys.exit("image.py: no answer")
    finally:
        p.send_signal(getattr(signal, stop))
        code = p.wait(60)
    assert code == 0, f"it ended with {code}"


def main():
    if sys.argv[1] == "--parse":
        print(f"{len(steps())} steps")
        return
    given = sys.argv[2] if len(sys.argv) > 2 else None
    work = given or tempfile.mkdtemp(prefix="image.")
    os.makedirs(work, exist_ok=True)
    images = {}
    try:
        images, image, cmd, stop = build(os.path.abspath(sys.argv[1]), work)
        assert set(image.expose) == {"12049", "8080", "9090"}, image.expose
        serve(image, cmd, stop)
        print("image: built, served, ended")
    finally:
        for one in images.values():
            one.close()
        if not given and not any(os.path.ismount(i.root + "/proc") for i in images.values()):
            shutil.rmtree(work, ignore_errors=True)


main()
