#!/bin/bash
# The guide names what is there: links and their headings, files, figures, events of the log; and the
# texts of tables whose first column is "it says" are texts of the programs.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 - <<'END'
import glob, os, re, subprocess, sys

bad = []
pages = sorted(glob.glob("mgmt/guide/*.md"))
code = "".join(open(f, errors="replace").read() for f in
               subprocess.run(["git", "ls-files", "mgmt", "pipeline", "gateway", "backends", "crypto"], capture_output=True, text=True).stdout.split()
               if f.endswith((".c", ".h", ".def", ".js")))
# A sentence that the code breaks over lines is one.
code = re.sub(r'"\s*\n?\s*"', "", code).replace('\\"', '"')
figures = set(re.findall(r'"([a-z]+_[a-z_]+)"', code))


def anchors(page):
    return {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", open(page).read(), re.M)}


def is_said(text):
    """Its words between what stands for something else, in the code."""
    parts = [p.strip() for p in re.split(r"…|\b[A-Z]{2,}\b(?:[:_][A-Z]+)*|\b1?\d{4}\b|\bN\b", text)]
    return all(len(p) < 6 or p.strip(": ,") in code for p in parts)


for page in pages:
    text = open(page).read()
    for to in re.findall(r"\]\(([^)]+)\)", text):
        if to.startswith("http"):
            continue
        name, _, at = to.partition("#")
        target = os.path.join("mgmt/guide", name) if name else page
        if not os.path.exists(target):
            bad.append(f"{page}: leads to {to}, which is not there")
        elif at and at not in anchors(target):
            bad.append(f"{page}: {to}: no such heading")
    for name in re.findall(r"`((?:mgmt|tests|pipeline|gateway|backends|crypto)/[A-Za-z0-9_./*-]+)(?: [^`]*)?`", text):
        # NAME and FOO stand for something; tests/bin is made by the build.
        if not re.search(r"[A-Z]{3}|\*", name) and not name.startswith("tests/bin/") and not os.path.exists(name):
            bad.append(f"{page}: names {name}, which is not there")
    for name in set(re.findall(r"dittofs_([a-z_]+)", text)):
        if name not in figures and name != "settings":
            bad.append(f"{page}: names the figure dittofs_{name}, which is not counted")
    kind = None
    for line in text.split("\n"):
        if re.match(r"\| ?(it says|event)", line):
            kind = line.split("|")[1].strip()
        elif not line.startswith("|"):
            kind = None
        elif kind and page.endswith(("troubleshooting.md", "encryption.md")) and not line.startswith("|---"):
            for said in re.findall(r"`([^`]+)`", line.split("|")[1]):
                client = "cannot mount" in text[:text.index(line)].rsplit("\n## ", 1)[1].split("\n")[0]
                if kind == "event" and f'"{said}"' not in code:
                    bad.append(f"{page}: no event {said}")
                elif kind == "it says" and not client and not is_said(said):
                    bad.append(f"{page}: nobody says: {said}")
print("\n".join(bad) or f"{len(pages)} pages")
sys.exit(bool(bad))
END
