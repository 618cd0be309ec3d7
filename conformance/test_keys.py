"""`hostler keys`: accounts begin with a key, and a revoked key is refused by every API from when the command returns."""

import json
import os
import stat
import subprocess
import threading
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from harness import accounts
from harness.expect import refused
from harness.hosting import ACCOUNT, REGION, fresh
from harness.server import clean_environment
from harness.waiting import eventually

OTHER = "111122223333"
INVALID = "The security token included in the request is invalid."
# facts/sagemaker-api.md 4.4 and 4.6: service, call, members, code, status and text for a key that nobody has.
UNKNOWN = [
    ("sagemaker", "list_models", {}, "UnrecognizedClientException", 400, INVALID),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, "UnrecognizedClientException", 403, INVALID),
    ("sts", "get_caller_identity", {}, "InvalidClientTokenId", 403, INVALID),
    ("s3", "list_buckets", {}, "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
]
# The same for a session: its token is no longer one of this server's.
ENDED = [
    UNKNOWN[0],
    UNKNOWN[1],
    UNKNOWN[2],
    ("s3", "list_buckets", {}, "InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
]
SERVICES = [row[0] for row in UNKNOWN]


def listed(server, *more):
    return json.loads(server.cli("keys", "ls", "--output", "json", *more).stdout)


def revoke(server, *which):
    return server.cli("keys", "revoke", *which)


def admin(server, key, method, path, body=b""):
    """One signed call of the admin API: status and document."""
    request = AWSRequest(method, f"{server.url}/_hostler/{path}", data=body)
    SigV4Auth(Credentials(key.access_key_id, key.secret, key.token), "hostler", "us-east-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return answer.status_code, json.loads(answer.content)


# -- create ---------------------------------------------------------------------------------------


def test_a_new_key_is_an_account_of_its_own(server):
    key = accounts.create(server, OTHER)
    caller = key.client("sts").get_caller_identity()
    assert (caller["Account"], caller["Arn"], caller["UserId"]) == (OTHER, f"arn:aws:iam::{OTHER}:root", OTHER)
    assert len(key.access_key_id) == 20 and key.access_key_id.startswith("AKIA")
    assert len(key.secret) == 40


def test_a_named_key_is_a_user_of_the_account(server):
    key = accounts.create(server, OTHER, "--name", "ci.bot@home")
    caller = key.client("sts").get_caller_identity()
    assert caller["Arn"] == f"arn:aws:iam::{OTHER}:user/ci.bot@home"
    assert caller["UserId"].startswith("AIDA") and len(caller["UserId"]) == 20
    again = accounts.create(server, OTHER, "--name", "ci.bot@home")
    assert again.client("sts").get_caller_identity()["UserId"] == caller["UserId"], "the user is the same"


def test_the_text_shows_the_secret_once_and_a_profile_is_for_the_owner_alone(server):
    done = server.cli("keys", "create", "--account", OTHER, "--name", "dev", "--profile", "team-b")
    shown = dict(line.split(maxsplit=1) for line in done.stdout.decode().splitlines())
    assert shown["Arn"] == f"arn:aws:iam::{OTHER}:user/dev"
    assert b"shown this once" in done.stderr
    assert stat.S_IMODE(os.stat(server.aws_credentials).st_mode) == 0o600
    exports = server.cli("env", "--profile", "team-b").stdout.decode()
    script = f"{exports}\npython=$1; shift; exec \"$python\" -m awscli sts get-caller-identity --output json"
    python = os.sys.executable
    answer = subprocess.run(["sh", "-c", script, "sh", python], capture_output=True, env=clean_environment(), timeout=60)
    assert json.loads(answer.stdout)["Arn"] == f"arn:aws:iam::{OTHER}:user/dev", answer.stderr
    # A second of that name would take the first away.
    taken = server.cli("keys", "create", "--account", OTHER, "--profile", "team-b", check=False)
    assert taken.returncode == 1 and b"team-b" in taken.stderr
    # The profile goes with its key.
    revoke(server, shown["AccessKeyId"])
    assert "team-b" not in server.aws_credentials.read_text()
    assert "team-b" not in server.aws_config.read_text()


def test_what_is_no_account_user_or_profile_is_refused(server):
    for arguments in (
        ("--account", "12"),
        ("--account", "11112222333x"),
        (),
        ("--account", OTHER, "--profile", "hostler"),
        ("--account", OTHER, "--profile", "a b"),
    ):
        assert server.cli("keys", "create", *arguments, check=False).returncode == 2, arguments
    done = server.cli("keys", "create", "--account", OTHER, "--name", "a b", check=False)
    assert done.returncode == 1 and b"UserName `a b`" in done.stderr
    before = listed(server)
    own = accounts.own(server)
    for body in (b"", b"{}", b"[]", b'{"Account": 1}', b'{"Account": "1"}', b'{"Account": "111122223333", "More": 1}'):
        status, document = admin(server, own, "POST", "keys", body)
        assert status == 400 and document["__type"] in ("SerializationException", "ValidationException"), body
    assert listed(server) == before


# -- ls -------------------------------------------------------------------------------------------


def test_ls_shows_whose_a_key_is_and_when_it_was_used_and_never_a_secret(make_server):
    server = make_server()
    used, unused = accounts.create(server, OTHER, "--name", "used"), accounts.create(server, "444455556666")
    # A signature that is wrong is no use of the key.
    wrong = accounts.Account(server, unused.number, unused.access_key_id, "wrong")
    refused(wrong.client("sts").get_caller_identity, code="SignatureDoesNotMatch", status=403)
    used.client("sts").get_caller_identity()
    shown = server.cli("keys", "ls").stdout.decode()
    assert used.secret not in shown and unused.secret not in shown and server.keys()[1] not in shown
    rows = {line.split()[0]: line for line in shown.splitlines()[1:]}
    assert "(server)" in rows[server.keys()[0]]
    assert OTHER in rows[used.access_key_id] and " used " in rows[used.access_key_id]
    assert "never" not in rows[used.access_key_id] and "never" in rows[unused.access_key_id]
    everything = listed(server)
    assert used.secret not in json.dumps(everything)
    assert [key["AccessKeyId"] for key in listed(server, "--account", "444455556666")] == [unused.access_key_id]
    (key,) = listed(server, "--account", OTHER)
    now = time.time() * 1000
    assert now - 11 * 60_000 < key["LastUsedTime"] <= now and now - 60_000 < key["CreationTime"] <= now


def test_keys_and_their_last_use_outlive_a_crash(make_server):
    server = make_server()
    key = accounts.create(server, OTHER, "--profile", "kept")
    key.client("sts").get_caller_identity()
    time_of = lambda: listed(server, "--account", OTHER)[0]["LastUsedTime"]
    used = time_of()
    database = server.data_dir / "hostler.db"

    def is_written():
        files = [path.read_bytes() for path in database.parent.glob("hostler.db*")]
        return any(str(used).encode() in content for content in files)

    eventually(is_written, bool, "the last use is written down", 5)
    server.kill()
    server.start()
    assert key.client("sts").get_caller_identity()["Account"] == OTHER
    assert time_of() == used
    # The profile follows the server to its new port.
    assert server.aws_config.read_text().count(f"endpoint_url = {server.url}\n") == 2


def test_no_secret_is_in_the_database(make_server):
    server = make_server()
    keys = [accounts.create(server, OTHER) for _ in range(3)]
    server.stop()
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(path.name == "hostler.db" for path in files)
    for path in files:
        content = path.read_bytes()
        for key in keys:
            assert key.secret.encode() not in content, path
    assert all(key.secret not in server.log() for key in keys)


# -- revoke ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service,call,members,code,status,text", UNKNOWN, ids=SERVICES)
def test_a_revoked_key_is_refused_when_the_command_returns(server, service, call, members, code, status, text):
    key = accounts.create(server, OTHER)
    # Clients keep their connections, so the refusal comes on one that has served the key before.
    client = key.client(service)
    try:
        getattr(client, call)(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError", error
    revoke(server, key.access_key_id)
    assert refused(getattr(client, call), code=code, status=status, **members) == text


@pytest.mark.parametrize("service,call,members,code,status,text", ENDED, ids=SERVICES)
def test_sessions_end_with_the_key_that_began_them(server, service, call, members, code, status, text):
    key, other = accounts.create(server, OTHER), accounts.create(server, OTHER)
    # Over one role to another, too.
    sessions = [key.assumed(), key.assumed().assumed(f"arn:aws:iam::{OTHER}:role/second")]
    stays = other.assumed()
    for session in (*sessions, stays):
        assert session.client("sts").get_caller_identity()["Account"] == OTHER
    revoke(server, key.access_key_id)
    for session in sessions:
        assert refused(getattr(session.client(service), call), code=code, status=status, **members) == text
    assert stays.client("sts").get_caller_identity()["Account"] == OTHER


def test_a_presigned_url_ends_with_its_key(server):
    key = accounts.create(server, OTHER)
    s3 = key.client("s3", signature_version="s3v4")
    bucket = fresh("presigned")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    get = lambda: URLLib3Session().send(AWSRequest("GET", url).prepare())
    assert get().content == b"mine"
    revoke(server, key.access_key_id)
    answer = get()
    assert answer.status_code == 403 and b"<Code>InvalidAccessKeyId</Code>" in answer.content


def test_a_client_that_never_pauses_is_refused_from_the_revocation_on(server):
    """Four threads call without end on connections they keep; what begins after the command's return is refused."""
    key = accounts.create(server, OTHER)
    calls, stop = [], threading.Event()

    def loop(service, call, members):
        client = key.client(service)
        while not stop.is_set():
            began = time.monotonic()
            try:
                getattr(client, call)(**members)
                calls.append((began, service, None))
            except ClientError as error:
                calls.append((began, service, error.response["Error"]["Code"]))

    threads = [threading.Thread(target=loop, args=row[:3]) for row in UNKNOWN]
    for thread in threads:
        thread.start()
    try:
        # Each has had an answer that was no refusal of the key.
        seen = lambda: {service for _, service, code in calls if code in (None, "ValidationError")}
        eventually(seen, lambda services: len(services) == len(UNKNOWN), "all clients are answered", 30)
        revoke(server, key.access_key_id)
        returned = time.monotonic()
        late = lambda: {service for began, service, _ in calls if began > returned}
        eventually(late, lambda services: len(services) == len(UNKNOWN), "all clients called again", 30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    codes = {row[0]: row[3] for row in UNKNOWN}
    after = [(service, code) for began, service, code in calls if began > returned]
    assert after and all(code == codes[service] for service, code in after), after


def test_what_an_account_made_outlives_its_keys(hosting, server):
    key = accounts.create(server, OTHER)
    theirs = key.hosting()
    name = theirs.endpoint(theirs.config(theirs.model(url=None, role=key.role, image="x/conformance-pid:1")))
    revoke(server, "--account", OTHER)
    assert listed(server, "--account", OTHER) == []
    next_key = accounts.create(server, OTHER).hosting()
    assert next_key.status(name) == "InService"
    assert next_key.invoke(name)["Payload"]
    next_key.delete(name)


def test_an_account_or_a_key_that_is_not_there_is_said(server):
    done = server.cli("keys", "revoke", "AKIANOBODY", check=False)
    assert done.returncode == 1 and b"There is no access key AKIANOBODY." in done.stderr
    done = server.cli("keys", "revoke", "--account", "999999999999", check=False)
    assert done.returncode == 1 and b"account 999999999999 has no access key" in done.stderr
    assert server.cli("keys", "revoke", check=False).returncode == 2
    assert server.cli("keys", "revoke", "AKIANOBODY", "--account", OTHER, check=False).returncode == 2


# -- who may --------------------------------------------------------------------------------------


def test_only_the_servers_own_key_manages_keys(server):
    own = accounts.own(server)
    others = [
        accounts.create(server, OTHER),
        accounts.create(server, OTHER, "--name", "hostler"),
        accounts.create(server, own.number),
        own.assumed(),
    ]
    before = len(listed(server))
    for key in others:
        arn = key.client("sts").get_caller_identity()["Arn"]
        for method, path, action, body in (
            ("POST", "keys", "CreateAccessKey", b'{"Account": "111122223333"}'),
            ("GET", "keys", "ListAccessKeys", b""),
            ("DELETE", f"keys/{others[0].access_key_id}", "DeleteAccessKey", b""),
        ):
            status, document = admin(server, key, method, path, body)
            assert (status, document["__type"]) == (400, "AccessDeniedException"), document
            message = document.get("Message") or document.get("message")
            assert message.startswith(f"User: {arn} is not authorized to perform: hostler:{action} because only")
    assert len(listed(server)) == before
    assert others[0].client("sts").get_caller_identity()["Account"] == OTHER


def test_the_servers_own_key_stays_until_it_is_rotated(make_server):
    server = make_server()
    old = accounts.own(server)
    done = server.cli("keys", "revoke", old.access_key_id, check=False)
    assert done.returncode == 1 and b"hostler keys rotate" in done.stderr
    session, other = old.assumed(), accounts.create(server, OTHER)
    done = server.cli("keys", "rotate", check=False)
    assert done.returncode == 1 and b"is in use" in done.stderr
    assert old.client("sts").get_caller_identity()["Account"] == old.number
    server.stop()
    server.cli("keys", "rotate")
    server.start()
    for ended in (old, session):
        refused(ended.client("sts").get_caller_identity, code="InvalidClientTokenId", status=403)
    new = accounts.own(server)
    assert new.access_key_id != old.access_key_id
    assert new.client("sts").get_caller_identity()["Account"] == old.number
    # The cluster key stayed, so the others are as good as before.
    assert other.client("sts").get_caller_identity()["Account"] == OTHER
    assert server.client("sts").get_caller_identity()["Account"] == old.number


def test_commands_act_as_the_profile_and_in_the_region_that_they_are_told(server):
    """`--as`, and what `hostler env --profile` exports; a profile that this server does not know is somebody else's."""
    number = "100000000077"
    accounts.create(server, number, "--profile", "team-seen")
    account = lambda *more, **told: json.loads(server.cli("quotas", "--output", "json", *more, **told).stdout)
    assert account()["Account"] == ACCOUNT
    assert account("--as", "team-seen") | {"Quotas": []} == {"Account": number, "Region": REGION, "Quotas": []}
    assert account(AWS_PROFILE="team-seen")["Account"] == number
    assert account(AWS_PROFILE="production-elsewhere")["Account"] == ACCOUNT
    assert account("--region", "eu-west-1")["Region"] == "eu-west-1"
    assert account(AWS_REGION="eu-west-1")["Region"] == "eu-west-1"
    refusal = server.cli("ls", "--as", "nobody", check=False)
    assert refusal.returncode == 1 and b"there is no profile `nobody`" in refusal.stderr
    refusal = server.cli("ls", "--region", "no region", check=False)
    assert refusal.returncode == 1 and b"is not a region" in refusal.stderr
    # Keys are the server's own key's business, whoever one acts as.
    assert b"team-seen" not in server.cli("keys", "ls", AWS_PROFILE="team-seen").stderr
