"""Script mode: a model archive with code/inference.py, and no image that anybody pulls."""

import contextlib
import http.server
import json
import os
import signal
import threading

import pytest
from botocore.exceptions import ClientError

from harness import artifacts, scripts
from harness.deploying import deploy
from harness.hosting import Hosting, fresh
from harness.load import Load
from harness.waiting import eventually

SECRET = "PIP_TRUSTED_HOST = 'secret.example'"
# What AWS's image has besides is nothing here: no test of this file waits for a package of the internet.
CONFIG = scripts.settings("pip = { PIP_NO_INDEX = '1', %s }\nbase = { scikit-learn = [] }" % SECRET)
OWN_PACKAGE = "import os, tiny\nVERSION = tiny.VERSION\n" + scripts.ECHO + "\ndef predict_fn(d, m):\n    return VERSION\n"
PING_SENTENCE = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


def scripted(hosting, body, image=scripts.SCRIPT_IMAGE, environment=None, **config):
    """The config of a model that serves this archive."""
    url = hosting.upload(body, f"scripts/{fresh('archive')}.tar.gz")
    return hosting.config(hosting.model(image=image, url=url, environment=environment), **config)


def packaged(version="1.0", requirements=None, **more):
    """An archive whose script needs a package that lies beside it."""
    name, body = scripts.wheel("tiny", version)
    requirements = requirements or f"--find-links wheels\ntiny=={version}\n"
    return scripts.script_archive(OWN_PACKAGE, requirements, **{f"code__wheels__{name}": body}, **more)


def environments(server):
    folder = server.data_dir / "environments"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def log(server, name):
    return server.cli("logs", name).stdout.decode()


def test_a_script_serves_its_model_without_any_mapping(hosting):
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(word="seven")))
    answer = hosting.invoke(name, b'"hello"', ContentType="application/json")
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Payload"]) == {"model": "seven", "asked": '"hello"'}
    hosting.delete(name)


def test_an_exception_of_the_script_is_a_model_error_and_its_traceback_is_in_the_log(hosting, server):
    script = scripts.ECHO + "\ndef predict_fn(data, model):\n    raise ValueError('no such row: ' + data)\n"
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(script)))
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, b"7", ContentType="text/csv")
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (500, "no such row: 7")
    assert "Traceback (most recent call last)" in log(server, name)
    assert "ValueError: no such row: 7" in log(server, name)
    hosting.delete(name)


def test_a_generator_is_a_stream(hosting):
    script = scripts.ECHO + "\ndef output_fn(p, accept):\n    return (word + ' ' for word in ['one', 'two', 'three'])\n"
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(script)))
    answer = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"1", ContentType="text/csv")
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert b"".join(parts) == b"one two three "
    hosting.delete(name)


def test_a_script_that_the_sdk_uploads_beside_the_model_is_fetched_by_the_models_role(hosting):
    """As the SDK does for scikit-learn and XGBoost: SAGEMAKER_SUBMIT_DIRECTORY names an archive of the script alone."""
    source = artifacts.archive({"serve.py": scripts.ECHO.encode(), "requirements.txt": b"# nothing\n"})
    environment = {
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": hosting.upload(source, f"scripts/{fresh('source')}/sourcedir.tar.gz"),
    }
    body = artifacts.archive({"word": b"beside"})
    name = hosting.endpoint(scripted(hosting, body, scripts.SKLEARN_IMAGE, environment))
    answer = json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"])
    assert answer == {"model": "beside", "asked": "1"}
    hosting.delete(name)


def test_scikit_learn_without_a_model_fn_says_so(hosting):
    name = hosting.endpoint(scripted(hosting, artifacts.archive({"word": b"x"}), scripts.SKLEARN_IMAGE), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(PING_SENTENCE)
    assert "has no model_fn(model_dir)" in reason and "scikit-learn" in reason
    hosting.delete(name)


def test_instances_that_start_at_once_share_one_environment_which_is_made_once(hosting, server):
    before = set(environments(server))
    names = [hosting.endpoint(scripted(hosting, packaged(), count=2), wait=False) for _ in range(2)]
    for name in names:
        hosting.in_service(name)
        assert json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"]) == "1.0"
    assert len(set(environments(server)) - before) == 1
    logs = [path.read_text() for path in (server.data_dir / "instances").glob("*/logs/*")]
    assert sum("installing code/requirements.txt" in text for text in logs) == 1
    for name in names:
        hosting.delete(name)


def test_settings_of_pip_in_a_models_home_are_not_read(hosting):
    """Environments are shared by all whose requirements are the same: nobody's home decides what is in them."""
    name, body = scripts.wheel("tiny", "1.0")
    settings = {"code__.config__pip__pip.conf": b"[global]\nfind-links = wheels\n", f"code__wheels__{name}": body}
    wanted = scripts.script_archive(OWN_PACKAGE, "tiny\n", **settings)
    endpoint = hosting.endpoint(scripted(hosting, wanted, environment={"HOME": "."}), wait=False)
    assert "No matching distribution found for tiny" in hosting.failed(endpoint)
    hosting.delete(endpoint)


def test_who_is_asked_for_packages_makes_another_environment(hosting, server):
    seen = []
    for proxy in (None, "http://127.0.0.1:9", "http://127.0.0.1:19"):
        environment = {"https_proxy": proxy} if proxy else {}
        endpoint = hosting.endpoint(scripted(hosting, packaged("3.0"), environment=environment))
        assert json.loads(hosting.invoke(endpoint, b"1", ContentType="text/csv")["Payload"]) == "3.0"
        seen.append(set(environments(server)))
        hosting.delete(endpoint)
    assert [len(now - before) for before, now in zip(seen, seen[1:])] == [1, 1]


def test_other_requirements_are_another_environment_and_the_old_one_is_left_alone(hosting, server):
    name = hosting.endpoint(scripted(hosting, packaged("1.0")))
    before = set(environments(server))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=scripted(hosting, packaged("2.0")))
    hosting.in_service(name)
    assert json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"]) == "2.0"
    assert before < set(environments(server))
    hosting.delete(name)


def test_requirements_that_cannot_be_installed_fail_the_endpoint_with_pips_own_words(hosting, server):
    body = packaged(requirements="--find-links wheels\nno-such-package-here==4.2\n")
    name = hosting.endpoint(scripted(hosting, body), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(PING_SENTENCE)
    assert "ERROR: No matching distribution found for no-such-package-here==4.2" in reason
    assert len(reason) <= 1024
    finding = json.loads(server.cli("diagnose", name, "--output", "json", check=False).stdout)
    assert "RequirementsRefused" in json.dumps(finding)
    assert "No matching distribution found for no-such-package-here==4.2" in log(server, name)
    hosting.delete(name)
    assert not [left for left in environments(server) if left.startswith(".")]


def test_a_module_that_nothing_installs_is_named_with_where_to_name_it(hosting, server):
    body = scripts.script_archive("import nowhere_to_be_found\n" + scripts.ECHO)
    name = hosting.endpoint(scripted(hosting, body), wait=False)
    assert "No module named 'nowhere_to_be_found'" in hosting.failed(name)
    said = server.cli("diagnose", name, check=False).stdout.decode()
    assert "code/requirements.txt" in said
    hosting.delete(name)


def test_a_script_sees_its_own_variables_and_neither_the_servers_nor_those_of_pip(hosting):
    script = scripts.ECHO + "\ndef predict_fn(d, m):\n    return dict(os.environ)\n"
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(script), environment={"MINE": "yes"}))
    seen = json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"])
    assert seen["MINE"] == "yes"
    assert seen["VIRTUAL_ENV"].startswith(str(hosting.server.data_dir))
    hidden = [key for key in seen if key.startswith(("PIP_", "HOSTLER_PIP"))]
    assert not hidden and "secret.example" not in json.dumps(seen)
    hosting.delete(name)


def test_no_request_is_lost_while_a_script_is_updated_under_load(hosting, server):
    name = hosting.endpoint(scripted(hosting, packaged("1.0"), count=2))
    with Load(server, name) as load:
        hosting.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=scripted(hosting, packaged("3.0"), count=2)
        )
        hosting.in_service(name)
    load.assert_nothing_was_lost()
    hosting.delete(name)


def test_network_isolation_is_refused_because_nothing_isolates_a_process(hosting):
    with pytest.raises(ClientError) as caught:
        hosting.model(image=scripts.SCRIPT_IMAGE, EnableNetworkIsolation=True)
    assert "EnableNetworkIsolation" in str(caught.value)


def test_a_directory_with_a_script_is_deployed_by_one_command(server, hosting, tmp_path):
    directory = tmp_path / "model"
    (directory / "code").mkdir(parents=True)
    (directory / "code/inference.py").write_text(scripts.ECHO)
    (directory / "word").write_text("mine")
    name = fresh("deployed")
    done = deploy(server, directory, name)
    assert "served by its own code/inference.py" in done.stderr.decode()
    answer = json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"])
    assert answer == {"model": "mine", "asked": "1"}
    hosting.delete(name)


def test_a_python_that_is_not_there_is_said_with_what_to_install(make_server):
    server = make_server("[script]\npython = 'python-of-nobody'\n")
    hosting = Hosting(server)
    name = hosting.endpoint(scripted(hosting, scripts.script_archive()), wait=False)
    reason = hosting.failed(name)
    assert reason.startswith(PING_SENTENCE)
    assert "there is no `python-of-nobody` in " in reason and "python3-venv" in reason
    hosting.delete(name)


def test_framework_images_can_be_left_to_others(make_server):
    server = make_server("[script]\nframeworks = false\n")
    hosting = Hosting(server)
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(), scripts.SKLEARN_IMAGE), wait=False)
    assert "[[image]]" in hosting.failed(name)
    hosting.delete(name)


class HeldIndex(http.server.BaseHTTPRequestHandler):
    """A package index that does not answer until it is told to."""

    def do_GET(self):
        self.server.asked.set()
        self.server.go.wait(60)
        name, body = scripts.wheel("tiny")
        is_file = self.path.endswith(".whl")
        content = body if is_file else f"<a href='/{name}'>{name}</a>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words):
        pass


@contextlib.contextmanager
def held_index():
    index = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HeldIndex)
    index.asked, index.go = threading.Event(), threading.Event()
    threading.Thread(target=index.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        index.go.set()
        index.shutdown()
        index.server_close()


@pytest.mark.parametrize("victim", ["the server", "the instance"])
def test_a_kill_in_the_middle_of_pip_leaves_nothing_and_the_endpoint_comes_up(make_server, victim):
    with held_index() as index:
        url = f"http://127.0.0.1:{index.server_port}/simple"
        server = make_server(scripts.settings(f"pip = {{ PIP_INDEX_URL = '{url}' }}"))
        hosting = Hosting(server)
        body = packaged(requirements="tiny==1.0\n")
        name = hosting.endpoint(scripted(hosting, body), wait=False)
        assert index.asked.wait(60), "pip never asked"
        assert [left for left in environments(server) if left.startswith(".new-")]
        if victim == "the server":
            server.kill()
            index.go.set()
            server.start()
        else:
            for process in server.instances():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            index.go.set()
        hosting = Hosting(server)
        hosting.in_service(name)
        assert json.loads(hosting.invoke(name, b"1", ContentType="text/csv")["Payload"]) == "1.0"
        eventually(
            lambda: environments(server),
            lambda names: len(names) == 1 and not names[0].startswith("."),
            "one whole environment is left",
        )
        hosting.delete(name)
