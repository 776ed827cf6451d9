#!/usr/bin/env python3
"""rotation_client.py write|compare PORT MIB [EVERY]: files of 32 MiB that nobody can compress, in
/export, or a look at every so manyth of them; what is in them follows from their number."""
import os, random, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rest"))
import nfs3

what, port, mib = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
PIECE, FILE_MIB = 1 << 20, 32


def patient(call, *args):
    """JUKEBOX is an answer, not an error: come again."""
    for _ in range(2000):
        got = call(*args)
        if (got[0] if isinstance(got, tuple) else got) != nfs3.JUKEBOX:
            return got
        time.sleep(0.05)
    raise AssertionError("JUKEBOX for ever")


def pieces(n):
    source = random.Random(n)
    return [source.randbytes(PIECE) for _ in range(FILE_MIB)]


c = nfs3.Client(port, 0, 0)
c.mount("/export")
for n in range(0, mib // FILE_MIB, every):
    name = "file%d" % n
    st, fh = (patient(c.create, name) if what == "write" else patient(c.lookup, name))[:2]
    assert st == nfs3.OK, (name, st)
    for i, piece in enumerate(pieces(n)):
        if what == "write":
            st = patient(c.write, fh, piece, i * PIECE, 0)
            assert (st[0] if isinstance(st, tuple) else st) == nfs3.OK, (name, i, st)
        else:
            st, got = patient(c.read, fh, i * PIECE, PIECE)[:2]
            assert st == nfs3.OK and got == piece, (name, i, st)
