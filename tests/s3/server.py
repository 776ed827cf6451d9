#!/usr/bin/env python3
"""A small server that speaks S3, for tests on a machine that has no other.

server.py PORT-FILE [PORT]: listens on the loopback, writes its port into PORT-FILE, keeps all in
memory.  One key pair (S3_ACCESS_KEY, S3_SECRET_KEY); signatures of version 4 are checked.  Knows
PUT, GET with a range, HEAD, DELETE, ListObjectsV2 in pages, If-None-Match: *, multipart uploads.
Where S3_REQUESTS names a file, each request it lets in is a line there: its verb, path and
User-Agent.
Where S3_KEEP names a folder, what it holds is there too, and is there again when it is started anew,
killed or not; every change stays in that folder, with its times (CLOCK_MONOTONIC).  S3_UNTIL: it has
what it had at that time, requests under way then done or not, by S3_TOSS, and keeps no more.
SIGUSR1 makes it cut each connection that asks something (a line "CUT"), SIGUSR2 ends that.
"""
import hashlib, hmac, http.server, json, os, random, signal, socketserver, sys, threading, time
import urllib.parse
from xml.sax.saxutils import escape

requests = open(os.environ.get("S3_REQUESTS", os.devnull), "a", buffering=1)
ACCESS, SECRET = os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"]
lock, cutting = threading.Lock(), threading.Event()
buckets, uploads = {os.environ.get("S3_BUCKET", "suite"): {}}, {}


class Keep:
    """A folder: `log`, a line a change, and the bytes of each object that ever was."""
    def __init__(self, folder, until, toss):
        self.folder, self.n, self.log = folder, 0, None
        os.makedirs(folder, exist_ok=True)
        path, toss = os.path.join(folder, "log"), random.Random(toss)
        for line in open(path).read().split("\n")[:-1] if os.path.exists(path) else []:
            began, ended, bucket, key, file, meta = json.loads(line)
            self.n += 1
            if until and (began > until or (ended > until and toss.random() < .5)):
                continue
            if file is None:
                buckets[bucket].pop(key, None)
            else:
                with open(os.path.join(folder, file), "rb") as f:
                    buckets[bucket][key] = (f.read(), [tuple(m) for m in meta])
        if not until:
            self.log = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def change(self, began, bucket, key, body, meta=()):
        """body None: it goes.  Before the change is seen, or answered."""
        if self.log is None:
            return
        self.n += 1
        file = None if body is None else f"{self.n}-{os.getpid()}"
        if file:
            with open(os.path.join(self.folder, file), "wb") as f:
                f.write(body)
        os.write(self.log, (json.dumps([began, time.monotonic_ns(), bucket, key, file, meta]) +
                            "\n").encode())


keep = None
if os.environ.get("S3_KEEP"):
    keep = Keep(os.environ["S3_KEEP"], int(os.environ.get("S3_UNTIL", 0)),
                int(os.environ.get("S3_TOSS", 0)))


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small answers do not wait for the peer

    def log_message(self, *args):
        pass

    def query_text(self, query, without=None):
        enc = lambda s: urllib.parse.quote(s, safe="-_.~")
        return "&".join(f"{k}={v}" for k, v in sorted(
            (enc(k), enc(v)) for k, v in query if k != without))

    def check_signature(self, path, query, body):
        auth, by_query = self.headers.get("Authorization"), dict(query)
        if auth is not None:
            parts = dict(p.strip().split("=", 1) for p in auth.split(" ", 1)[1].split(","))
            credential, names, given = (parts[k] for k in ("Credential", "SignedHeaders", "Signature"))
            stamp, payload = self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
        elif "X-Amz-Signature" in by_query:
            credential, names = by_query["X-Amz-Credential"], by_query["X-Amz-SignedHeaders"]
            stamp, given, payload = by_query["X-Amz-Date"], by_query["X-Amz-Signature"], "UNSIGNED-PAYLOAD"
        else:
            raise Refused(403, "AccessDenied")
        access, day, region, service, _ = credential.split("/")
        if access != ACCESS:
            raise Refused(403, "InvalidAccessKeyId")
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            raise Refused(400, "XAmzContentSHA256Mismatch")
        headers = "".join(f"{n}:{self.headers.get(n, '').strip()}\n" for n in names.split(";"))
        canonical = "\n".join([self.command, path, self.query_text(query, "X-Amz-Signature"), headers,
                               names, payload])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + SECRET).encode()
        for part in (day, region, service, "aws4_request"):
            key = sign(key, part)
        if not hmac.compare_digest(sign(key, text).hex(), given):
            raise Refused(403, "SignatureDoesNotMatch")

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        self.send_header("x-amz-request-id", f"server-{time.monotonic_ns():x}")
        names = [n.lower() for n, _ in headers]
        for n, v in headers:
            self.send_header(n, v)
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        if cutting.is_set():
            print("CUT", file=requests)
            self.close_connection = True
            return
        self.began = time.monotonic_ns()
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.check_signature(path, query, body)
            host = self.headers["Host"].rsplit(":", 1)[0]
            whole = urllib.parse.unquote(path)[1:]
            if host.endswith(".localhost"):
                bucket, key = host[:-len(".localhost")], whole
            else:
                bucket, _, key = whole.partition("/")
            with lock:
                print(self.command, path, self.headers.get("User-Agent", ""), file=requests)
                getattr(self, "do_bucket" if not key else "do_object")(bucket, key, dict(query), body)
        except Refused as e:
            self.answer(e.status, f"<Error><Code>{e.code}</Code></Error>".encode())

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve

    def do_bucket(self, bucket, key, query, body):
        if self.command == "PUT":
            if bucket in buckets:
                raise Refused(409, "BucketAlreadyOwnedByYou")
            buckets[bucket] = {}
            return self.answer(200)
        if bucket not in buckets:
            raise Refused(404, "NoSuchBucket")
        if self.command == "HEAD":
            return self.answer(200)
        prefix, most = query.get("prefix", ""), int(query.get("max-keys", 1000))
        names = sorted((n for n in buckets[bucket] if n.startswith(prefix) and
                        n > query.get("continuation-token", "")), key=lambda n: n.encode())
        page = names[:most]
        xml = "".join("<Contents><Key>%s</Key><Size>%d</Size></Contents>" %
                      (urllib.parse.quote(n, safe="/"), len(buckets[bucket][n][0])) for n in page)
        more = len(names) > most
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self.answer(200, (f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>"
                          f"{str(more).lower()}</IsTruncated>{token}{xml}</ListBucketResult>").encode())

    def store(self, bucket, key, body, meta):
        if self.headers.get("If-None-Match") == "*" and key in buckets[bucket]:
            raise Refused(412, "PreconditionFailed")
        if keep:
            keep.change(self.began, bucket, key, body, meta)
        buckets[bucket][key] = (body, meta)

    def do_object(self, bucket, key, query, body):
        if bucket not in buckets:
            raise Refused(404, "NoSuchBucket")
        objects = buckets[bucket]
        meta = [(n, v) for n, v in self.headers.items() if n.lower().startswith("x-amz-meta-")]
        if "uploadId" in query or "uploads" in query:
            return self.do_multipart(bucket, key, query, body, meta)
        if self.command == "PUT":
            self.store(bucket, key, body, meta)
            return self.answer(200, headers=[("ETag", f'"{hashlib.md5(body).hexdigest()}"')])
        if self.command == "DELETE":
            if keep and key in objects:
                keep.change(self.began, bucket, key, None)
            objects.pop(key, None)
            return self.answer(204)
        if key not in objects:
            raise Refused(404, "NoSuchKey")
        bytes_, meta = objects[key]
        if self.command == "HEAD":
            return self.answer(200, headers=[("Content-Length", str(len(bytes_)))] + meta)
        wanted = self.headers.get("Range")
        if wanted is None:
            return self.answer(200, bytes_, meta)
        first, last = wanted[len("bytes="):].split("-")
        first, last = int(first), min(int(last or len(bytes_)), len(bytes_) - 1)
        if first >= len(bytes_):
            raise Refused(416, "InvalidRange")
        self.answer(206, bytes_[first:last + 1],
                    [("Content-Range", f"bytes {first}-{last}/{len(bytes_)}")])

    def do_multipart(self, bucket, key, query, body, meta):
        upload = query.get("uploadId")
        if self.command == "POST" and upload is None:
            upload = f"up{len(uploads)}-{time.monotonic_ns()}"
            uploads[upload] = (key, {}, meta)
            return self.answer(200, (f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                                     "</InitiateMultipartUploadResult>").encode())
        if upload not in uploads or uploads[upload][0] != key:
            raise Refused(404, "NoSuchUpload")
        parts = uploads[upload][1]
        if self.command == "DELETE":
            del uploads[upload]
            return self.answer(204)
        if self.command == "PUT":
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            parts[int(query["partNumber"])] = (body, tag)
            return self.answer(200, headers=[("ETag", tag)])
        text = body.decode()
        for number, (_, tag) in parts.items():
            if f"<PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag>" not in text:
                raise Refused(400, "InvalidPart")
        if any(len(b) < 5 << 20 for n, (b, _) in parts.items() if n != max(parts)):
            raise Refused(400, "EntityTooSmall")
        whole = b"".join(parts[n][0] for n in sorted(parts))
        self.store(bucket, key, whole, uploads[upload][2])
        del uploads[upload]
        self.answer(200, b"<CompleteMultipartUploadResult/>")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: cutting.set())
    signal.signal(signal.SIGUSR2, lambda *_: cutting.clear())
    server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
    with open(sys.argv[1] + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()
