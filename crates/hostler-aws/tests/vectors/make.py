"""Makes the directories under tests/sigv4: requests signed by botocore, with every step between.

Run it in a virtual environment that has botocore and awscrt:  python make.py
Nothing here shares code with Hostler; the keys are the examples of AWS's documentation.
"""

import base64
import datetime
import hashlib
import hmac
import io
import pathlib
import shutil
import zlib
from urllib.parse import urlsplit

import botocore.auth
from awscrt import checksums
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
STAMP = "20260102T030405Z"
REGION = "eu-central-1"
KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLE+token=="
HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "sigv4"

botocore.auth.get_current_datetime = lambda *_, **__: NOW


def recording(base):
    """The signer `base`, which keeps the steps between."""

    class Recorder(base):
        def canonical_request(self, request):
            self.canonical = super().canonical_request(request)
            return self.canonical

        def string_to_sign(self, request, canonical_request):
            self.to_sign = super().string_to_sign(request, canonical_request)
            return self.to_sign

        def signature(self, string_to_sign, request):
            self.made = super().signature(string_to_sign, request)
            return self.made

    return Recorder


def request_bytes(request, body):
    """The request as it goes over the wire."""
    url = urlsplit(request.url)
    target = url.path or "/"
    if url.query:
        target += "?" + url.query
    lines = [f"{request.method} {target} HTTP/1.1"]
    if "host" not in {name.lower() for name in request.headers.keys()}:
        lines.append(f"Host: {url.netloc}")
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def write(name, files):
    directory = OUT / name
    directory.mkdir(parents=True)
    for file, content in files.items():
        (directory / file).write_bytes(content if isinstance(content, bytes) else content.encode())


def case(name, signer, service, url, method="POST", headers=(), body=b"", **options):
    """Signs one request and writes its directory; gives the signer and the signed request."""
    credentials = Credentials(KEY_ID, SECRET, options.get("token"))
    arguments = {"expires": options["expires"]} if "expires" in options else {}
    auth = recording(signer)(credentials, service, REGION, **arguments)
    request = AWSRequest(method=method, url=url, data=body)
    for header, value in headers:
        request.headers.add_header(header, value)
    request.context.update(options.get("context", {}))
    auth.add_auth(request)
    for header, value in options.get("after", ()):
        request.headers.add_header(header, value)
    wire_body = options.get("wire_body", lambda _auth: body)(auth)
    files = {
        "request": request_bytes(request, wire_body),
        "canonical": auth.canonical,
        "string-to-sign": auth.to_sign,
        "signature": auth.made,
    }
    if "decoded" in options:
        files["decoded"] = options["decoded"]
    write(name, files)


JSON = ("Content-Type", "application/x-amz-json-1.1")
FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
API = f"https://api.sagemaker.{REGION}.amazonaws.com/"
RUNTIME = f"https://runtime.sagemaker.{REGION}.amazonaws.com"
LOCAL = "http://127.0.0.1:7070"
STS = f"https://sts.{REGION}.amazonaws.com/"
S3 = f"https://s3.{REGION}.amazonaws.com"
SDK = [("amz-sdk-invocation-id", "1c9b9a2a"), ("amz-sdk-request", "attempt=1"), ("User-Agent", "Boto3/1 md/x")]


def target(operation):
    return [("X-Amz-Target", f"SageMaker.{operation}"), JSON]


def control():
    case("control-describe", SigV4Auth, "sagemaker", API, headers=target("DescribeEndpoint"),
         body=b'{"EndpointName": "a"}', after=SDK)
    case("control-session-token", SigV4Auth, "sagemaker", API, headers=target("DescribeEndpoint"),
         body=b'{"EndpointName": "a"}', token=TOKEN)
    case("control-empty-body", SigV4Auth, "sagemaker", API, headers=target("ListModels"))
    case("control-unicode-body", SigV4Auth, "sagemaker", API, headers=target("AddTags"),
         body='{"Tags": [{"Key": "k", "Value": "Grüße, 世界"}]}'.encode())
    case("control-port-in-host", SigV4Auth, "sagemaker", LOCAL + "/", headers=target("ListEndpoints"), body=b"{}")
    case("control-signed-sdk-headers", SigV4Auth, "sagemaker", API,
         headers=target("ListEndpoints") + SDK[:2] + [("Content-Length", "2")], body=b"{}")
    case("control-date-header", SigV4Auth, "sagemaker", API,
         headers=target("ListEndpoints") + [("Date", "Thu, 01 Jan 1970 00:00:00 GMT")], body=b"{}")


def runtime():
    def invoke(name, path, headers=(), body=b"1,2,3\n", **options):
        case(name, SigV4Auth, "sagemaker", RUNTIME + path, headers=headers, body=body, **options)

    csv = ("Content-Type", "text/csv")
    invoke("runtime-invoke", "/endpoints/demo/invocations", [csv, ("Accept", "application/json")], after=SDK)
    invoke("runtime-no-content-type", "/endpoints/demo/invocations")
    invoke("runtime-binary-body", "/endpoints/demo/invocations", [csv], bytes(range(256)))
    invoke("runtime-encoded-path", "/endpoints/a%20b%2Fc/invocations", [csv])
    invoke("runtime-unicode-path", "/endpoints/gr%C3%BC%C3%9Fe/invocations", [csv])
    invoke("runtime-dot-segments", "/endpoints/./x/..//demo//invocations/", [csv])
    invoke("runtime-odd-characters", "/endpoints/a$b,c;d=e@f(g)'!*~/invocations", [csv])
    invoke("runtime-repeated-headers", "/endpoints/demo/invocations",
           [csv, ("X-Amzn-SageMaker-Custom-Attributes", "b"), ("X-Amzn-SageMaker-Custom-Attributes", "a")])
    invoke("runtime-spaces-in-values", "/endpoints/demo/invocations",
           [csv, ("X-Amzn-SageMaker-Custom-Attributes", "  a   b \t c  ")])
    invoke("runtime-empty-header", "/endpoints/demo/invocations", [csv, ("X-Amzn-SageMaker-Inference-Id", "")])
    invoke("runtime-declared-hash", "/endpoints/demo/invocations",
           [csv, ("X-Amz-Content-SHA256", hashlib.sha256(b"1,2,3\n").hexdigest())])
    invoke("runtime-query", "/endpoints/demo/invocations?b=2&a=&a=1&c&d=x%20y", [csv])
    case("runtime-presigned", SigV4QueryAuth, "sagemaker", "https://sagemaker.amazonaws.com/?Action=CallWithBearerToken",
         expires=43200, token=TOKEN)


def sts():
    case("sts-get-caller-identity", SigV4Auth, "sts", STS, headers=[FORM],
         body=b"Action=GetCallerIdentity&Version=2011-06-15")
    case("sts-assume-role", SigV4Auth, "sts", STS, headers=[FORM], body=(
        b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FR"
        b"&RoleSessionName=s&DurationSeconds=900"))
    case("sts-presigned", SigV4QueryAuth, "sts", STS + "?Action=GetCallerIdentity&Version=2011-06-15", method="GET",
         headers=[("x-k8s-aws-id", "cluster")], expires=60)


def s3():
    def plain(name, path, method="GET", **options):
        case(name, S3SigV4Auth, "s3", S3 + path, method=method, **options)

    def presigned(name, path, method="GET", **options):
        case(name, S3SigV4QueryAuth, "s3", S3 + path, method=method, expires=3600, **options)

    plain("s3-get", "/bucket/model.tar.gz")
    plain("s3-list-buckets", "/")
    plain("s3-key-with-space", "/bucket/a%20b/c%20%20d")
    plain("s3-key-with-plus", "/bucket/a%2Bb%3Dc%26d")
    plain("s3-key-unicode", "/bucket/gr%C3%BC%C3%9Fe/%E4%B8%96%E7%95%8C")
    plain("s3-key-with-dots", "/bucket/a/../b//./c/")
    plain("s3-key-with-percent", "/bucket/100%25/%252F")
    plain("s3-empty-query-values", "/bucket?list-type=2&prefix=&delimiter=%2F&encoding-type=url")
    plain("s3-bare-query-name", "/bucket?acl")
    plain("s3-query-order", "/bucket?prefix=b&max-keys=2&a=2&a=10&a=1&A=3")
    plain("s3-put", "/bucket/key", "PUT", body=b"hello", headers=[("x-amz-meta-note", "a  b")])
    plain("s3-put-unsigned-payload", "/bucket/key", "PUT", body=b"hello",
          headers=[("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")], context={"has_streaming_input": True})
    plain("s3-session-token", "/bucket/key", token=TOKEN)
    presigned("s3-presigned-get", "/bucket/key")
    presigned("s3-presigned-space-and-plus", "/bucket/a%20b%2Bc")
    presigned("s3-presigned-session-token", "/bucket/key", token=TOKEN)
    presigned("s3-presigned-put", "/bucket/key", "PUT", headers=[("x-amz-meta-note", "n"), ("Content-Type", "text/csv")])
    presigned("s3-presigned-query", "/bucket/key?versionId=&response-content-type=text%2Fplain")


def hmac_hex(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signing_key():
    key = ("AWS4" + SECRET).encode()
    for part in [STAMP[:8], REGION, "s3", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def signed_chunks(seed, chunks, trailer):
    """AWS's documented form of signed chunks, which botocore does not make itself."""
    scope = f"{STAMP[:8]}/{REGION}/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    previous, out = seed, b""
    for chunk in [*chunks, b""]:
        previous = hmac_hex(signing_key(), "\n".join(
            ["AWS4-HMAC-SHA256-PAYLOAD", STAMP, scope, previous, empty, hashlib.sha256(chunk).hexdigest()]))
        out += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if trailer:
        line = f"{trailer[0]}:{trailer[1]}\n"
        last = hmac_hex(signing_key(), "\n".join(
            ["AWS4-HMAC-SHA256-TRAILER", STAMP, scope, previous, hashlib.sha256(line.encode()).hexdigest()]))
        out += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{last}\r\n".encode()
    return out + b"\r\n"


class Streaming(S3SigV4Auth):
    """botocore's S3 signer with the payload line of a chunked body."""

    kind = ""

    def payload(self, request):
        return self.kind


def streaming(kind):
    return type("Streaming", (Streaming,), {"kind": kind})


def b64(number, size):
    return base64.b64encode(number.to_bytes(size, "big")).decode()


def chunked():
    data = bytes((i * 7 + i // 41) % 256 for i in range(3_000))
    chunks = [data[:1024], data[1024:2048], data[2048:]]
    signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    def put(name, kind, wire_body, trailer=None, decoded=data):
        headers = [("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(len(decoded)))]
        if trailer:
            headers.append(("x-amz-trailer", trailer))
        case(name, streaming(kind), "s3", f"{LOCAL}/bucket/key", method="PUT", headers=headers,
             wire_body=wire_body, decoded=decoded)

    put("chunked-signed", signed, lambda auth: signed_chunks(auth.made, chunks, None))
    put("chunked-signed-empty", signed, lambda auth: signed_chunks(auth.made, [], None), decoded=b"")
    for name, value in [
        ("crc32", b64(zlib.crc32(data), 4)),
        ("crc32c", b64(checksums.crc32c(data), 4)),
        ("crc64nvme", b64(checksums.crc64nvme(data), 8)),
        ("sha1", base64.b64encode(hashlib.sha1(data).digest()).decode()),
        ("sha256", base64.b64encode(hashlib.sha256(data).digest()).decode()),
    ]:
        header = f"x-amz-checksum-{name}"
        put(f"chunked-signed-trailer-{name}", signed + "-TRAILER",
            lambda auth, header=header, value=value: signed_chunks(auth.made, chunks, (header, value)), header)
    wrapper = AwsChunkedWrapper(io.BytesIO(data), Crc32Checksum, "x-amz-checksum-crc32", 1000)
    put("chunked-unsigned-trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", lambda _: wrapper.read(),
        "x-amz-checksum-crc32")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for group in (control, runtime, sts, s3, chunked):
        group()
    print(f"{len(list(OUT.iterdir()))} cases in {OUT.name}")


if __name__ == "__main__":
    main()
