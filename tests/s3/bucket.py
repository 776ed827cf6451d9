#!/usr/bin/env python3
"""bucket.py [PREFIX | --make]: what lies in a bucket, asked of the server itself, past every proxy and
gateway.

As a program a line an object: its bytes and its name.  --make: the bucket is there from now on.
Of S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY; path style, signed (version 4).
"""
import datetime, hashlib, hmac, http.client, os, re, sys, urllib.parse
from xml.sax.saxutils import unescape


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


class Bucket:
    def __init__(self):
        self.host = os.environ["S3_ENDPOINT"].removeprefix("http://").rstrip("/")
        self.region, self.name = os.environ["S3_REGION"], os.environ["S3_BUCKET"]
        self.access, self.secret = os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"]

    def ask(self, verb, key="", query=None, body=b""):
        """Status and body of one request."""
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = "/" + quoted(self.name) + ("/" + urllib.parse.quote(key, safe="-_.~/") if key else "")
        args = "&".join(f"{quoted(k)}={quoted(v)}" for k, v in sorted((query or {}).items()))
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        names, scope = ";".join(signed), f"{stamp[:8]}/{self.region}/s3/aws4_request"
        canonical = "\n".join([verb, path, args, *(f"{k}:{v}" for k, v in signed.items()), "", names,
                               digest])
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        k = ("AWS4" + self.secret).encode()
        for part in (*scope.split("/"), text):
            k = hmac.new(k, part.encode(), hashlib.sha256).digest()
        signed["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, "
                                   f"SignedHeaders={names}, Signature={k.hex()}")
        c = http.client.HTTPConnection(self.host, timeout=60)
        c.request(verb, path + ("?" + args if args else ""), body, signed)
        r = c.getresponse()
        got = r.status, r.read()
        c.close()
        return got

    def make(self):
        status, said = self.ask("PUT")
        assert status in (200, 409), (status, said)

    def get(self, key):
        status, bytes_ = self.ask("GET", key)
        assert status == 200, (key, status, bytes_[:200])
        return bytes_

    def sizes(self, prefix):
        """Bytes of each object below prefix, by its whole name."""
        found, more = {}, {}
        while True:
            status, xml = self.ask("GET", query={"list-type": "2", "prefix": prefix, **more})
            assert status == 200, (status, xml[:200])
            xml = xml.decode()
            for entry in re.findall(r"<Contents>(.*?)</Contents>", xml, re.S):
                name = urllib.parse.unquote(unescape(re.search(r"<Key>(.*?)</Key>", entry)[1]))
                found[name] = int(re.search(r"<Size>(\d+)</Size>", entry)[1])
            token = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", xml)
            if not token:
                return found
            more = {"continuation-token": unescape(token[1])}


if __name__ == "__main__":
    if sys.argv[1:] == ["--make"]:
        sys.exit(Bucket().make())
    for name, bytes_ in Bucket().sizes(sys.argv[1] if len(sys.argv) > 1 else "").items():
        print(bytes_, name)
