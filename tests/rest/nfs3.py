"""A small NFSv3 client of our own: enough to see who may do what.  RFC 1813, RFC 5531 §8."""
import os, socket, struct

NFS, MOUNT = 100003, 100005
OK, PERM, NOENT, IO, ACCES, EXIST, ROFS, STALE, JUKEBOX = 0, 1, 2, 5, 13, 17, 30, 70, 10008
NOSPC = 28
READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE = 1, 2, 4, 8, 16, 32

def opaque(b):
    return struct.pack(">I", len(b)) + b + b"\0" * (-len(b) % 4)

class Bytes:
    def __init__(self, b):
        self.b, self.at = b, 0
    def u32(self):
        self.at += 4
        return struct.unpack_from(">I", self.b, self.at - 4)[0]
    def u64(self):
        return self.u32() << 32 | self.u32()
    def opaque(self):
        n = self.u32()
        v = self.b[self.at:self.at + n]
        self.at += n + -n % 4
        return v
    def attr(self):
        """post_op_attr: None, or what fattr3 says."""
        if not self.u32():
            return None
        kind, mode, nlink, uid, gid = (self.u32() for _ in range(5))
        size = self.u64()
        self.at += 84 - 28
        return {"type": kind, "mode": mode, "uid": uid, "gid": gid, "size": size}

class Client:
    """One connection, as that user; root is the handle of the share once mounted."""
    def __init__(self, port, uid=None, gid=None, gids=(), host="127.0.0.1"):
        self.s = socket.create_connection((host, port), timeout=20)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.xid, self.root = int.from_bytes(os.urandom(3), "big"), None
        self.become(uid, gid, gids)
    def become(self, uid=None, gid=None, gids=()):
        if uid is None:
            self.cred = struct.pack(">II", 0, 0)
        else:
            body = struct.pack(">I", 1) + opaque(b"test") + struct.pack(">III", uid, uid if gid is None else gid, len(gids))
            self.cred = struct.pack(">I", 1) + opaque(body + b"".join(struct.pack(">I", g) for g in gids))
    def take(self, n):
        b = b""
        while len(b) < n:
            got = self.s.recv(n - len(b))
            if not got:
                raise EOFError("the server closed the connection")
            b += got
        return b
    def call(self, program, proc, args=b""):
        self.xid += 1
        m = struct.pack(">IIIIII", self.xid, 0, 2, program, 3, proc) + self.cred + struct.pack(">II", 0, 0) + args
        self.s.sendall(struct.pack(">I", len(m) | 1 << 31) + m)
        n = struct.unpack(">I", self.take(4))[0] & 0x7fffffff
        r = Bytes(self.take(n))
        assert r.u32() == self.xid and r.u32() == 1
        if r.u32() != 0:
            raise PermissionError("denied by RPC")
        r.u32(), r.opaque()
        accepted = r.u32()
        if accepted:
            raise RuntimeError(f"RPC: not accepted, {accepted}")
        return r
    def mount(self, path="/export"):
        r = self.call(MOUNT, 1, opaque(path.encode()))
        st = r.u32()
        if st == OK:
            self.root = r.opaque()
        return st
    def getattr(self, fh=None):
        r = self.call(NFS, 1, opaque(fh or self.root))
        st = r.u32()
        r.b = r.b[:r.at] + b"\0\0\0\1" + r.b[r.at:]
        return st, r.attr() if st == OK else None
    def lookup(self, name, fh=None):
        r = self.call(NFS, 3, opaque(fh or self.root) + opaque(name.encode()))
        st = r.u32()
        return st, r.opaque() if st == OK else None
    def access(self, want=63, fh=None):
        r = self.call(NFS, 4, opaque(fh or self.root) + struct.pack(">I", want))
        st = r.u32()
        r.attr()
        return st, r.u32() if st == OK else 0
    def read(self, fh, offset=0, count=4096):
        r = self.call(NFS, 6, opaque(fh) + struct.pack(">QI", offset, count))
        st = r.u32()
        r.attr()
        if st:
            return st, b""
        r.u32(), r.u32()
        return st, r.opaque()
    def write(self, fh, data, offset=0, stable=2):
        r = self.call(NFS, 7, opaque(fh) + struct.pack(">QII", offset, len(data), stable) + opaque(data))
        return r.u32()
    def create(self, name, fh=None, mode=0o644):
        sattr = struct.pack(">IIIIIII", 1, mode, 0, 0, 0, 0, 0)    # a mode; no owner, size or times
        r = self.call(NFS, 8, opaque(fh or self.root) + opaque(name.encode()) + struct.pack(">I", 0) + sattr)
        st = r.u32()
        return st, r.opaque() if st == OK and r.u32() else None
    def remove(self, name, fh=None):
        return self.call(NFS, 12, opaque(fh or self.root) + opaque(name.encode())).u32()
    def truncate(self, fh, size):
        return self.call(NFS, 2, opaque(fh) + struct.pack(">IIIIQIII", 0, 0, 0, 1, size, 0, 0, 0)).u32()
    def commit(self, fh):
        return self.call(NFS, 21, opaque(fh) + struct.pack(">QI", 0, 0)).u32()
    def fsstat(self):
        """Bytes in all, and free."""
        r = self.call(NFS, 18, opaque(self.root))
        assert r.u32() == OK
        r.attr()
        return r.u64(), r.u64()
    def fsinfo(self):
        return self.call(NFS, 19, opaque(self.root)).u32()
    def close(self):
        self.s.close()
