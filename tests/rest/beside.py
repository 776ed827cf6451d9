#!/usr/bin/env python3
"""beside.py BUILD [--quick]: 1,000 requests a second on /api/v1/shares beside full NFS load, against the same
load alone, turn and turn about; the median of the rounds.  Bars: NFS rate within 10 %, and the CPU of the
threads that serve NFS an operation within 5 %.  What the control plane's own threads take is said as well."""
import json, os, statistics, subprocess, sys, time
sys.dont_write_bytecode = True
from plane import Plane

quick = "--quick" in sys.argv
words = [a for a in sys.argv[1:] if not a.startswith("--")]
build = os.path.abspath(words[0] if words else ".")
SECONDS, ROUNDS, RATE = (3, 3, 1000) if quick else (6, 5, 1000)
RATE_BAR, CPU_BAR, ASKED_BAR = 0.90, 1.05, 0.98

class Threads:
    """CPU of the daemon's threads, by what they are: those of the control plane, and all others."""
    def __init__(self, pid):
        self.pid = pid
    def read(self):
        rest = other = 0
        for t in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{t}/schedstat") as f:
                    ns = int(f.read().split()[0])
                with open(f"/proc/{self.pid}/task/{t}/comm") as f:
                    name = f.read().strip()
            except OSError:
                continue
            if name.startswith(("MHD", "rest")):
                rest += ns
            else:
                other += ns
        return rest, other

p = Plane(build)
p.share(local_store_size="256MiB", squash="none")
for i in range(2, 6):
    p.share(f"/more{i}", local_store_size="64MiB")
threads = Threads(p.process.pid)

def turn(op, beside):
    """Operations a second; CPU in us of NFS's threads an operation; of the control plane's a request; how many
    of the requests that were to be asked were answered."""
    load = None
    if beside:
        load = subprocess.Popen([build + "/tests/bin/rest_load", str(p.rest), p.token, "/api/v1/shares", str(RATE),
                                 str(SECONDS + 2)], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
    rest0, nfs0 = threads.read()
    r = subprocess.run([build + "/tests/bin/nfsbench", "-p", str(p.nfs), "-m", str(p.nfs), "-o", op, "-c", "4", "-q", "8",
                        "-n", "2", "-s", "4m", "-t", str(SECONDS), "-w", "0", "127.0.0.1", "/export"],
                       capture_output=True, text=True)
    rest1, nfs1 = threads.read()
    if r.returncode:
        p.fail("nfsbench: " + r.stdout + r.stderr)
    got = json.loads(r.stdout)["results"][0]
    words = load.communicate()[0].split() if load else None
    answered = int(words[3]) / float(words[1]) if words else 1.0
    return got["ops_per_s"], (nfs1 - nfs0) / 1e3 / got["ops"], (rest1 - rest0) / 1e3 / (RATE * SECONDS), answered

missed, said = False, []
for op in ("getattr", "write:4k"):
    alone, beside = [], []
    for i in range(ROUNDS):
        for which in ((alone, beside) if i % 2 == 0 else (beside, alone)):
            which.append(turn(op, which is beside))
    med = lambda rows, at: statistics.median(r[at] for r in rows)
    rate, cpu, answered = med(beside, 0) / med(alone, 0), med(beside, 1) / med(alone, 1), med(beside, 3)
    good = rate >= RATE_BAR and cpu <= CPU_BAR and answered >= ASKED_BAR
    missed |= not good
    print(f"{op}: alone {med(alone, 0):.0f}/s at {med(alone, 1):.2f} us, beside {med(beside, 0):.0f}/s at {med(beside, 1):.2f} us;"
          f" a request {med(beside, 2):.0f} us, {answered:.1%} answered in time")
    said.append(f"{op} rate {rate - 1:+.1%} CPU/op {cpu - 1:+.1%}{'' if good else ' (missed)'}")
print("; ".join(said))
if p.stop() != 0:
    sys.exit("the daemon did not stop well")
sys.exit(missed)
