#!/usr/bin/env python3
"""Between a gateway and an S3 server: what networks and servers do on a bad day.

fault_proxy.py PORT HOST:PORT: listens on the loopback, relays HTTP/1.1 to that server.  Each line
of its input is a list of faults, as JSON, that hold from then on; it answers each with a line of
counts.  It ends with its input.  A fault is {"how": H, "share": of requests, "of": verbs, ...}:

status   answered here, with "status" and "code"; the server never hears of it
hang     the request is taken, and never answered
reset    the connection breaks while the request's body is on its way
lose     the server does it, and the connection breaks before a byte of the answer
cut      the connection breaks in the answer's body            short   it ends there, politely
flip     one bit of the answer's body is another               bend    one bit of the request's body
slow     bodies go at "rate" bytes a second, both ways
gone     no such host: connections are refused, those that stand break
wrong    the signature is not good any more: what the server itself says to that

The first fault that names the request's verb and wins its toss happens to it.
"""
import asyncio, collections, json, random, re, socket, struct, sys, time

PIECE = 64 << 10
counts = collections.Counter()
faults, open_now = [], set()


class Broken(Exception):
    """Both connections are to be reset."""


def fault_for(verb):
    for f in faults:
        if verb in f.get("of", verb) and random.random() < f.get("share", 1):
            return f
    return {"how": "pass"}


def reset(writer):
    s = writer.get_extra_info("socket")
    if s is not None and s.fileno() >= 0:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def head_of(reader):
    """First line, headers in small letters, all its bytes; None at a polite end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as e:
        if e.partial:
            raise Broken from None
        return None
    first, *rest = raw[:-4].decode("latin-1").split("\r\n")
    return first, {k.lower(): v.strip() for k, v in (r.split(":", 1) for r in rest)}, raw


class Body:
    """Bytes on their way from one side to the other; stop and flip are places among them."""
    def __init__(self, reader, writer, rate=None, stop=None, flip=None):
        self.reader, self.writer, self.rate, self.stop, self.flip = reader, writer, rate, stop, flip
        self.done, self.start = 0, time.monotonic()

    async def some(self, left):
        data = await self.reader.read(min(left, PIECE, max(1024, (self.rate or PIECE << 4) // 16)))
        if not data:
            raise Broken
        n, at = len(data), (self.flip or 0) - self.done
        if self.flip is not None and 0 <= at < n:
            data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1:]
        if self.stop is not None and self.done + n > self.stop:
            self.writer.write(data[:self.stop - self.done])
            await self.writer.drain()
            raise Broken
        self.done += n
        self.writer.write(data)
        await self.writer.drain()
        if self.rate:
            await asyncio.sleep(max(0, self.done / self.rate - (time.monotonic() - self.start)))
        return n

    async def exactly(self, left):
        while left > 0:
            left -= await self.some(left)

    async def chunks(self):
        while True:
            line = await self.reader.readuntil(b"\r\n")
            self.writer.write(line)
            await self.exactly(int(line.split(b";")[0], 16) + 2)
            if int(line.split(b";")[0], 16) == 0:
                return


async def refuse(reader, writer, verb, length, f):
    """An answer of our own, after the body, so that the connection can go on."""
    while length > 0:
        got = await reader.read(min(length, PIECE))
        if not got:
            raise Broken
        length -= len(got)
    body = f"<Error><Code>{f['code']}</Code><Message>by the proxy</Message></Error>".encode()
    writer.write(f"HTTP/1.1 {f['status']} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() +
                 (body if verb != "HEAD" else b""))
    await writer.drain()


def place(length):
    return random.randrange(length) if length > 0 else 0


async def answer(server, client, verb, f):
    got = await head_of(server)
    if got is None:
        raise Broken
    first, headers, raw = got
    if f["how"] == "lose":
        raise Broken
    client.write(raw)
    status, length = int(first.split()[1]), int(headers.get("content-length", -1))
    hit = {f["how"]: place(length)}
    body = Body(server, client, f.get("rate"), hit.get("cut", hit.get("short")), hit.get("flip"))
    if verb != "HEAD" and status not in (204, 304):
        if "chunked" in headers.get("transfer-encoding", ""):
            await body.chunks()
        else:
            await body.exactly(length)
    await client.drain()
    return status


async def one_request(reader, writer, target, upstream):
    got = await head_of(reader)
    if got is None:
        return None
    first, headers, raw = got
    verb, length = first.split()[0], int(headers.get("content-length", 0))
    f = fault_for(verb)
    how = f["how"]
    if (how in ("bend", "reset") and length == 0) or (how == "flip" and verb != "GET"):
        f, how = {"how": "pass"}, "pass"
    counts[how] += 1
    counts[verb] += 1
    if how == "hang":
        await asyncio.sleep(86400)
    if how == "status":
        await refuse(reader, writer, verb, length, f)
        return upstream
    if upstream is None or upstream[0].at_eof():
        upstream = await asyncio.open_connection(*target, limit=1 << 20)
        open_now.add(upstream[1])
    if how == "wrong":
        raw = re.sub(rb"Signature=[0-9a-f]{8}", b"Signature=0badbad0", raw)
    upstream[1].write(raw)
    await Body(reader, upstream[1], f.get("rate"), place(length) if how == "reset" else None,
               place(length) if how == "bend" else None).exactly(length)
    status = await answer(upstream[0], writer, verb, f)
    counts[f"said {status}"] += 1
    return upstream


async def serve(reader, writer, target):
    upstream, polite = None, False
    open_now.add(writer)
    try:
        while True:
            upstream = await one_request(reader, writer, target, upstream) or upstream
            if reader.at_eof():
                polite = True
                break
    except (Broken, OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
        polite = any(f["how"] == "short" for f in faults)
    for w in (writer, upstream[1] if upstream else None):
        if w is not None:
            open_now.discard(w)
            w.close() if polite else reset(w)


async def main(port, target):
    listen = lambda: asyncio.start_server(lambda r, w: serve(r, w, target), "127.0.0.1", port,
                                          limit=1 << 20, backlog=256)
    server = await listen()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print("{}", flush=True)
    while line := await orders.readline():
        faults[:] = json.loads(line)
        gone = any(f["how"] == "gone" for f in faults)
        if gone and server is not None:
            server.close()
            for w in list(open_now):
                reset(w)
            server = None
        elif not gone and server is None:
            server = await listen()
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    host, _, far = sys.argv[2].rpartition(":")
    asyncio.run(main(int(sys.argv[1]), (host.removeprefix("http://"), int(far))))
