#!/usr/bin/env python3
"""tree.py BUILD MIB: what a copy of a source-like tree costs, in bytes that the bucket counts.

A tree of MIB MiB made from a seed: files of many sizes, of lines from a vocabulary, some of them
alike.  Written and drained; written again under other names; and with 2 % of its files dropped and
4 % edited.  What is compared are the sizes of the objects that came with each.
"""
import random, sys, time
from gateway import *

build, mib = sys.argv[1], int(sys.argv[2])
DRAIN_S, WRITERS = 900, 4


def files(seed=5):
    """Name and bytes of each, the same at every call."""
    r = random.Random(seed)
    words = ["".join(r.choices("abcdefghijklmnopqrstuvwxyz_", k=r.randrange(2, 12))) for _ in range(5000)]
    licence = "\n".join(" * " + " ".join(r.choices(words, k=10)) for _ in range(16)) + "\n"
    made, n = 0, 0
    while made < mib << 20:
        size = min(int(r.lognormvariate(9.3, 1.2)) + 200, 2 << 20)
        if r.random() < .02:				# a picture, a binary: nothing alike in it
            data = r.randbytes(size)
        else:
            lines = ["\t" * r.randrange(3) + " ".join(r.choices(words, k=r.randrange(1, 12)))
                     for _ in range(size // 45 + 1)]
            data = ("/*\n" + licence + " */\n" + "\n".join(lines)).encode()[:size]
        yield f"f{n}", data
        made, n = made + size, n + 1


def edited(seed=6):
    """2 % are dropped, 4 % get a line in one place and another word in another."""
    r = random.Random(seed)
    for name, data in files():
        kind, at = r.random(), r.randrange(max(1, len(data)))
        if kind < .02:
            continue
        if kind < .06:
            at2 = r.randrange(max(1, len(data)))
            data = data[:at] + b"\nanother line here\n" + data[at:]
            data = data[:at2] + b"word" + data[at2 + 4:]
        yield name, data


def put(share, prefix, tree):
    """Writes it, several files at a time; files and bytes."""
    source, lock, errors, total = iter(tree), threading.Lock(), [], [0, 0]

    def writer():
        try:
            c = share.client()
            while True:
                with lock:
                    name, data = next(source, (None, None))
                    if name is None:
                        return
                    total[0], total[1] = total[0] + 1, total[1] + len(data)
                share.write(c, prefix + name, data)
                del share.files[prefix + name]		# compared by seed, not kept
        except Exception as e:
            errors.append(repr(e))
    threads = [threading.Thread(target=writer, daemon=True) for _ in range(WRITERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[:3]
    share.drain(DRAIN_S)
    return total


def same(share, prefix, tree, one_in):
    """Some of it, read back."""
    c = share.client()
    for n, (name, data) in enumerate(tree):
        if n % one_in == 0:
            st, fh = patient(c.lookup, prefix + name)
            assert st == nfs3.OK, (prefix + name, st)
            share.files[prefix + name] = (fh, data)
            share.compare(c, prefix + name)
            del share.files[prefix + name]


def main():
    gateway, well = Gateway(build, os.environ["S3_ENDPOINT"]), False
    try:
        share, bucket = Share(gateway, "tree"), Bucket()
        seen, grown = set(), []
        for prefix, tree in (("a-", files), ("b-", files), ("c-", edited)):
            start = time.monotonic()
            count, size = put(share, prefix, tree())
            there = bucket.sizes(f"{gateway.prefix}{share.name}/")
            grown.append(sum(size for name, size in there.items() if name not in seen))
            seen |= set(there)
            print(f"#       {prefix} {count} files, {size >> 20} MiB: {grown[-1]} bytes came to the bucket"
                  f" ({time.monotonic() - start:.0f} s)", flush=True)
        share.evict()
        for prefix, tree in (("a-", files), ("b-", files), ("c-", edited)):
            same(share, prefix, tree(), 50)
        gateway.says_no_secret()
        tree, copy, change = grown
        print(f"ok      a tree of {mib} MiB took {tree} bytes of the bucket, its copy {copy}, edited {change}")
        assert copy * 100 < tree and change * 100 < tree * 75, grown
        well = True
    finally:
        gateway.end(well)


main()
