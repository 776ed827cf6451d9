#!/bin/bash
# nfs_kernel_guest.sh NCONNECT QUICK [leave|again]: the work of 10_nfs_kernel.sh, in the guest; or a
# tree is left there, or what was left is compared again.
set -euo pipefail
nconnect=$1 quick=$2 part=${3:-all}
# shellcheck source=tests/e2e/lib_guest.sh
. "$E2E_TOP/tests/e2e/lib_guest.sh"
scale() { if [ "$quick" = 1 ]; then echo "$1"; else echo "$2"; fi; }
work="k$nconnect.$$.$RANDOM"
[ "$part" = all ] || work=kept
mount_at /mnt/a "nconnect=$nconnect"
mkdir -p "/mnt/a/$work"
cd "/mnt/a/$work"

# A tree with what archives bring: deep folders, odd names, modes, links of both kinds, holes.
make_tree() {
	python3 - "$1" "$(scale 1500 5200)" <<-'END'
	import os, random, sys
	top, files = sys.argv[1], int(sys.argv[2])
	rnd = random.Random(7)
	os.makedirs(top)
	for n in range(files):
	    d = os.path.join(top, f"d{n % 61}", f"e{n % 7}")
	    if n < 61 * 7: os.makedirs(d, exist_ok=True)
	    os.makedirs(d, exist_ok=True)
	    path = os.path.join(d, f"file {n} é.{'c' if n % 3 else 'h'}")
	    with open(path, "wb") as f:
	        f.write(rnd.randbytes(rnd.choice((0, 1, 100, 4095, 4096, 4097, 9000, 20000))))
	        if n % 500 == 0:
	            f.seek(5_000_000); f.write(b"end")
	    os.chmod(path, rnd.choice((0o644, 0o600, 0o755, 0o444)))
	    if n % 50 == 0: os.symlink(os.path.basename(path), path + ".sym")
	    if n % 70 == 0: os.link(path, path + ".hard")
	    os.utime(path, ns=(10**18 + n, 10**18 + n * 1_000_000_007))
	END
}
step "make the tree to compare with, in memory" make_tree /tmp/tree
tar --format=posix -C /tmp -cf /tmp/tree.tar tree

unpack() { tar -xf /tmp/tree.tar; }
compare() {
	sync
	diff -r --no-dereference /tmp/tree tree
	# Modes, sizes, times to the nanosecond, link counts; directories by name and mode.
	local list='( -type f -printf %P|%m|%s|%n|%T@\n -o -type l -printf %P|%l\n -o -printf %P|%m\n )'
	# shellcheck disable=SC2086
	(cd /tmp/tree && find . $list | LC_ALL=C sort) >/tmp/want
	# shellcheck disable=SC2086
	(cd tree && find . $list | LC_ALL=C sort) >/tmp/got
	diff /tmp/want /tmp/got
}
fresh_mount() { cd / && umount /mnt/a && mount_at /mnt/a "nconnect=$nconnect" && cd "/mnt/a/$work"; }
if [ "$part" = again ]; then
	step "compare what was left" compare
	exit 0
fi
step "unpack $(find /tmp/tree | wc -l) files and folders" unpack
step "compare bytes and attributes" compare
[ "$part" = all ] || exit 0
fresh_mount
step "compare again on a fresh mount" compare
step "remove the tree" rm -rf tree

git_work() {
	export GIT_CONFIG_GLOBAL=/dev/null HOME=/tmp GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org
	export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
	rm -rf /tmp/origin
	git init -q /tmp/origin
	cp -r /tmp/tree/d1 /tmp/tree/d2 /tmp/tree/d3 /tmp/origin/
	(cd /tmp/origin && git add -A && git commit -qm one && git rm -rq d2 && git commit -qm two)
	git clone -q --no-local /tmp/origin clone
	cd clone
	git fsck --full --strict
	git checkout -q HEAD~1
	cp -r ../clone/d1 more
	git add -A
	git commit -qm three
	git gc -q
	git fsck --full --strict
	[ -z "$(git status --porcelain)" ]
}
step "git clone, checkout, commit, gc, fsck" git_work

sqlite_work() {
	python3 - "$(scale 60 400)" <<-'END'
	import sqlite3, sys
	db = sqlite3.connect("test.db", isolation_level=None)
	db.execute("PRAGMA journal_mode=DELETE"); db.execute("PRAGMA synchronous=FULL")
	db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT, blob BLOB)")
	db.execute("CREATE INDEX i ON t(text)")
	for n in range(int(sys.argv[1])):
	    db.execute("BEGIN")
	    for k in range(20):
	        db.execute("INSERT INTO t(text, blob) VALUES (?, ?)", (f"{n * 7919 % 1000}-{k}", bytes([n % 256]) * (k * 50)))
	    if n % 3 == 0: db.execute("DELETE FROM t WHERE id % 5 = 0")
	    db.execute("ROLLBACK" if n % 10 == 9 else "COMMIT")
	db.execute("VACUUM")
	assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
	want = db.execute("SELECT count(*), sum(length(blob)) FROM t").fetchone()
	db.close()
	db = sqlite3.connect("test.db")
	assert db.execute("SELECT count(*), sum(length(blob)) FROM t").fetchone() == want
	END
}
step "SQLite, synchronous=FULL, integrity_check" sqlite_work

# Two mounts with caches of their own (nosharecache): what one closes the other opens.
close_to_open() {
	mount_at /mnt/b "nosharecache,nconnect=$nconnect"
	python3 - "/mnt/a/$work" "/mnt/b/$work" "$(scale 40 300)" <<-'END'
	import os, sys
	a, b, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
	for n in range(rounds):
	    there, here = (a, b) if n % 2 else (b, a)
	    data = (f"round {n} " * (n % 50 + 1)).encode()
	    fd = os.open(there + "/shared", os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if n % 3 else 0), 0o644)
	    os.ftruncate(fd, 0); os.write(fd, data); os.close(fd)
	    with open(here + "/shared", "rb") as f:
	        got = f.read()
	    assert got == data, (n, got[:40], data[:40])
	    with open(there + f"/new{n}", "wb") as f: f.write(data)
	    assert open(here + f"/new{n}", "rb").read() == data
	    os.rename(here + f"/new{n}", here + "/moved")
	    os.unlink(here + "/moved")
	END
	umount /mnt/b
}
step "two clients, close-to-open" close_to_open

many_names() {
	python3 - "$(scale 10000 100000)" <<-'END'
	import os, sys
	count = int(sys.argv[1])
	os.mkdir("many")
	for n in range(count):
	    os.close(os.open(f"many/name-{n:06}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
	want = {f"name-{n:06}" for n in range(count)}
	got = os.listdir("many")
	assert len(got) == count and set(got) == want, (len(got), len(set(got)))
	assert sum(e.stat(follow_symlinks=False).st_nlink for e in os.scandir("many")) == count
	for n in range(0, count, 2): os.unlink(f"many/name-{n:06}")
	got = os.listdir("many")
	assert set(got) == {f"name-{n:06}" for n in range(1, count, 2)} and len(got) == count // 2
	for name in got: os.unlink("many/" + name)
	assert os.listdir("many") == []
	os.rmdir("many")
	END
}
step "$(scale 10,000 100,000) names in one directory" many_names

storms() {
	python3 - "$(scale 300 2000)" <<-'END'
	import os, random, sys
	count = int(sys.argv[1]); rnd = random.Random(3)
	os.mkdir("s"); open("s/f", "w").write("x")
	for n in range(count): os.link("s/f", f"s/l{n}")
	assert os.stat("s/f").st_nlink == count + 1
	for n in rnd.sample(range(count), count): os.unlink(f"s/l{n}")
	assert os.stat("s/f").st_nlink == 1
	for d in range(8): os.mkdir(f"s/d{d}")
	where = {}
	for n in range(200):
	    where[n] = f"s/d{n % 8}/r{n}"
	    with open(where[n], "w") as f: f.write(str(n))
	for _ in range(count * 2):
	    n = rnd.randrange(200); to = f"s/d{rnd.randrange(8)}/r{n}"
	    if n not in where: continue
	    if rnd.random() < .1:          # over another: that one is gone
	        m = rnd.randrange(200)
	        if m in where and m != n:
	            to = where.pop(m)
	    os.rename(where[n], to); where[n] = to
	for n, path in where.items():
	    assert open(path).read() == str(n), path
	assert sum(len(os.listdir(f"s/d{d}")) for d in range(8)) == len(where)
	# directories move, with what is in them
	os.rename("s/d0", "s/d1/moved"); os.rename("s/d1/moved", "s/d0")
	assert os.stat("s").st_nlink == 10
	END
	rm -r s
}
step "storms of hard links and renames" storms

big_file() {
	python3 - "$(scale 64 512)" <<-'END'
	import hashlib, os, sys
	size = int(sys.argv[1]); h = hashlib.blake2b()
	with open("big", "wb") as f:
	    for n in range(size):
	        piece = hashlib.blake2b(n.to_bytes(8, "little")).digest() * 16384
	        h.update(piece); f.write(piece)
	    os.fsync(f.fileno())
	open("/tmp/sum", "w").write(h.hexdigest())
	END
}
big_file_again() {
	[ "$(b2sum big | cut -c1-128)" = "$(cat /tmp/sum)" ]
	rm big
}
step "write a file of $(scale 64 512) MiB" big_file
fresh_mount
step "read it on a fresh mount" big_file_again
step "remove all" rm -rf "/mnt/a/${work:?}"
cd /
umount /mnt/a
