"""moto's server: an S3, STS and IAM that share no code with Hostler, on a free port of loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import boto3
from botocore.config import Config

from harness.artifacts import kmeans_archive
from harness.clients import ONCE
from harness.server import clean_environment
from harness.waiting import eventually

ACCOUNT = "123456789012"
BUCKET = "elsewhere"
KEY = "models/kmeans.tar.gz"
URL = f"s3://{BUCKET}/{KEY}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
# moto asks for no permission until it is told to; then only keys that its IAM made are good.
OPEN_KEY = ("AKIAOPEN", "no-secret")
READY_S = 60


class Moto:
    """One process of moto's server; its state is gone when it stops."""

    def __init__(self, directory, arguments=()):
        self.directory = directory
        self.arguments = list(arguments)
        self.log_path = directory / "moto.log"
        self.process = None
        # Bound for good and never listened on: while moto is down, nobody else is given its port.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", 0))
        self.port = self.place.getsockname()[1]
        self.url = None

    def start(self):
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        command = [sys.executable, "-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port), *self.arguments]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=clean_environment(),
                start_new_session=True,
            )

        def look():
            assert self.process.poll() is None, self.log()
            return re.search(rf"Running on (https?://127\.0\.0\.1:{self.port})\b", self.log()[offset:])

        found = eventually(look, bool, "moto says where it listens", READY_S)
        self.url = found.group(1)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self):
        self.stop()
        self.place.close()

    def freeze(self):
        """It keeps its connections and answers nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def client(self, service, key=OPEN_KEY, **more):
        session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name="us-east-1")
        config = Config(retries=ONCE, connect_timeout=5, read_timeout=30, s3={"addressing_style": "path"})
        return session.client(service, endpoint_url=self.url, config=config, **more)

    def upload(self, key=KEY, body=None, **more):
        s3 = self.client("s3", **more)
        if BUCKET not in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=key, Body=kmeans_archive() if body is None else body)
        return f"s3://{BUCKET}/{key}"

    def enforce(self, allowed=f"arn:aws:s3:::{BUCKET}/models/*"):
        """Turns moto's IAM on: a user that may assume ROLE, and ROLE that may read `allowed`; the user's key."""
        iam = self.client("iam")
        iam.create_user(UserName="hostler")
        key = iam.create_access_key(UserName="hostler")["AccessKey"]
        iam.put_user_policy(UserName="hostler", PolicyName="assume", PolicyDocument=policy("sts:AssumeRole", ROLE))
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        ]}
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=policy("s3:GetObject", allowed))
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", data=b"0", headers=plain, method="POST")
        urllib.request.urlopen(request, timeout=10).read()
        return key["AccessKeyId"], key["SecretAccessKey"]


def policy(action, resource):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
