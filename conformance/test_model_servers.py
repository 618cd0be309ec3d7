"""SageMaker's container API for many models, asked of both servers here as its documentation shows it, by Python's own
HTTP client: the built-in runtime and the test model. The statuses and members are those of the documentation
("Build Your Own Container for SageMaker AI Multi-Model Endpoints")."""

import http.client
import json
import os
import subprocess
import tarfile
import threading

import pytest

from harness.artifacts import EXAMPLE, expected
from harness.artifacts import rows as rows_of_example
from harness.config import TESTMODEL
from harness.server import BINARY
from harness.waiting import eventually


CSV = {"Content-Type": "text/csv", "Accept": "application/json"}


def rows():
    return "\n".join(rows_of_example())


class ModelServer:
    """One process that serves many models on a port of its own."""

    def __init__(self, kind, directory, room=None):
        self.kind = kind
        self.directory = directory
        environment = {"PATH": os.environ["PATH"], "SAGEMAKER_MULTI_MODEL": "true"}
        if kind == "runtime":
            command = [BINARY, "runtime", "--model-dir", directory, "--port", "0", "--engine", "kmeans"]
            command += ["--models-memory-bytes", str(room)] if room else []
        else:
            environment |= {"TEST_MODELS_MAX": "2"} if room else {}
            command = [TESTMODEL, "0", directory]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(line.split("://" if kind == "runtime" else " on ")[1].split()[0].split(":")[1])

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0
        self.process.stdout.close()

    def ask(self, method, path, document=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = document if isinstance(document, (str, bytes)) else json.dumps(document) if document else None
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def load(self, name, url):
        return self.ask("POST", "/models", {"model_name": name, "url": str(url)}, {"Content-Type": "application/json"})[0]

    def listed(self):
        """Every model, page by page."""
        models, token = [], ""
        while True:
            status, text = self.ask("GET", "/models" + (f"?next_page_token={token}" if token else ""))
            assert status == 200
            page = json.loads(text)
            models += page["models"]
            token = page.get("nextPageToken")
            if not token:
                return models


@pytest.fixture(params=["runtime", "testmodel"])
def kind(request):
    return request.param


@pytest.fixture
def model(tmp_path):
    """An unpacked K-Means model."""
    directory = tmp_path / "unpacked"
    directory.mkdir()
    with tarfile.open(EXAMPLE / "model.tar.gz") as tar:
        tar.extractall(directory, filter="data")
    return directory


@pytest.fixture
def start(tmp_path, kind):
    servers = []

    def start(**more):
        servers.append(ModelServer(kind, tmp_path, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def breaking(tmp_path):
    """One that may be dead when the test ends."""
    server = ModelServer("testmodel", tmp_path)
    yield server
    server.process.kill()
    server.process.wait(30)
    server.process.stdout.close()


def test_a_model_is_loaded_listed_invoked_and_unloaded(start, model):
    server = start()
    assert server.ask("GET", "/ping")[0] == 200
    assert server.listed() == []
    assert server.load("a1b2", model) == 200
    entry = {"modelName": "a1b2", "modelUrl": str(model)}
    assert server.listed() == [entry]
    assert json.loads(server.ask("GET", "/models/a1b2")[1]) == entry
    status, answer = server.ask("POST", "/models/a1b2/invoke", rows(), CSV)
    assert status == 200
    if server.kind == "runtime":
        predictions = json.loads(answer)["predictions"]
        assert [one["closest_cluster"] for one in predictions] == [one["closest_cluster"] for one in expected()]
    assert server.ask("DELETE", "/models/a1b2")[0] == 200
    assert server.listed() == []


def test_what_is_not_loaded_is_404_and_what_is_loaded_already_409(start, model):
    server = start()
    for method, path in [("GET", "/models/x"), ("DELETE", "/models/x"), ("POST", "/models/x/invoke")]:
        assert server.ask(method, path, "1,2" if method == "POST" else None)[0] == 404
    assert [server.load("x", model), server.load("x", model), server.load("y", model)] == [200, 409, 200]
    assert server.ask("DELETE", "/models/x")[0] == 200
    assert server.load("x", model) == 200


def test_without_room_a_load_is_507_until_another_is_unloaded(start, model):
    # Of K-Means two are room enough for one more to be loaded beside the first, but never for ten.
    server = start(room=6 * (model / "model_algo-1").stat().st_size + 16 * 1024)
    loaded = []
    while (status := server.load(f"m{len(loaded)}", model)) == 200:
        loaded.append(f"m{len(loaded)}")
        assert len(loaded) < 10
    assert status == 507 and loaded
    assert server.ask("POST", "/models/m0/invoke", rows(), CSV)[0] == 200
    assert server.ask("DELETE", "/models/m0")[0] == 200
    assert server.load("again", model) == 200


def test_a_load_that_is_no_load_says_why(start, model, tmp_path):
    server = start()
    for body in ["", "nothing", "[]", '{"model_name": "x"}', '{"model_name": 1, "url": "/"}']:
        assert server.ask("POST", "/models", body)[0] == 400, body
    status, text = server.ask("POST", "/models", {"model_name": "x", "url": str(tmp_path / "missing")})
    assert status == 400 and "missing" in text
    assert server.listed() == []


def test_a_thousand_models_are_listed_page_by_page_and_all_answer(start, model):
    server = start()
    names = [f"m{number:04}" for number in range(1000)]
    for name in names:
        assert server.load(name, model) == 200
    assert [entry["modelName"] for entry in server.listed()] == names
    assert json.loads(server.ask("GET", "/models")[1])["nextPageToken"]
    for name in names[::97]:
        assert server.ask("POST", f"/models/{name}/invoke", rows(), CSV)[0] == 200


def test_loading_and_unloading_disturb_nobody_who_is_asked_meanwhile(start, model):
    server = start()
    assert server.load("steady", model) == 200
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            status, text = server.ask("POST", "/models/steady/invoke", rows(), CSV)
            if status != 200:
                wrong.append((status, text))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(150):
        assert server.load(f"m{number % 5}", model) == 200
        assert server.ask("DELETE", f"/models/m{number % 5}")[0] == 200
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def load_commands(tmp_path, name, commands):
    directory = tmp_path / name
    directory.mkdir()
    (directory / "load.test").write_text(commands)
    return directory


def test_the_test_model_breaks_a_load_as_its_directory_says(breaking, tmp_path):
    server = breaking
    assert server.load("full", load_commands(tmp_path, "full", "status=507")) == 507
    assert server.load("wrong", load_commands(tmp_path, "wrong", "statsu=507")) == 400
    gate = tmp_path / "gate"
    slow = load_commands(tmp_path, "slow", f"touch={tmp_path / 'began'}; until={gate}")
    loads = []
    thread = threading.Thread(target=lambda: loads.append(server.load("slow", slow)))
    thread.start()
    eventually((tmp_path / "began").exists, bool, "the load is under way")
    assert server.load("slow", slow) == 409
    gate.touch()
    thread.join()
    assert loads == [200]
    assert server.ask("POST", "/models/slow/invoke", '{"test": {"forget": true}}')[0] == 200
    assert server.ask("POST", "/models/slow/invoke", "rows")[0] == 404
    assert server.load("slow", slow) == 200
    assert server.ask("POST", "/models/slow/invoke", '{"test": {"models": "500"}}')[0] == 200
    assert server.ask("GET", "/models")[0] == 500
    deadly = load_commands(tmp_path, "deadly", "exit=3")
    with pytest.raises((http.client.HTTPException, OSError)):
        server.load("deadly", deadly)
    assert server.process.wait(30) == 3
