"""How long until a container serves: `docker run` until its /ping answers 200, CreateEndpoint until InService.

Both take turns, with the image at hand and the model's archive read before. Goal: within 15 % + 200 ms.
"""

import http.client
import statistics
import time

from harness.artifacts import archive
from stand import ANYWHERE, IMAGE, docker, milliseconds

POLL_S = 0.005


def measure(stand, arguments):
    data = stand.directory / "data-of-the-model"
    data.mkdir()
    (data / "weights").write_bytes(b"w" * 1000)
    with stand.hosting() as hosting:
        hosting.upload(archive({"weights": b"w" * 1000}))
        at_once, later = (environment(delay_ms) for delay_ms in (0, 1000))
        # The first instance of a server makes the network that the others find.
        in_turn("the only endpoint", hosting, data, at_once, arguments.rounds)
        other = hosting.endpoint(config_of(hosting, at_once))
        in_turn("beside another one", hosting, data, at_once, arguments.rounds)
        in_turn("ready after 1 s", hosting, data, later, arguments.rounds)
        hosting.delete(other)


def environment(delay_ms):
    return ANYWHERE | {"TEST_START_DELAY_MS": str(delay_ms)}


def config_of(hosting, environment):
    return hosting.config(hosting.model(image=IMAGE, environment=environment))


def in_turn(name, hosting, data, environment, rounds):
    config = config_of(hosting, environment)
    by_engine(data, environment), by_hostler(hosting, config)
    engine, hostler = [], []
    for _ in range(rounds):
        engine.append(by_engine(data, environment))
        hostler.append(by_hostler(hosting, config))
    told(name, statistics.median(engine), statistics.median(hostler), rounds)


def told(name, engine, hostler, rounds):
    goal = engine * 1.15 + 0.2
    met = "met" if hostler <= goal else "NOT met"
    print(f"{name}: docker run{milliseconds(engine)}, CreateEndpoint{milliseconds(hostler)}, medians of {rounds}; ", end="")
    print(f"{hostler / engine:.2f} times, {milliseconds(hostler - engine).strip()} more; goal{milliseconds(goal)}: {met}")


def by_engine(data, environment):
    variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    begun = time.monotonic()
    # The model's data, the limits and the port of the contract, as Hostler gives them.
    container = docker(
        "run", "--detach", "--volume", f"{data}:/opt/ml/model:ro", "--cpus", "2", "--memory", "8g",
        "--security-opt", "no-new-privileges", *variables, IMAGE, "serve",
    )  # fmt: skip
    address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container)
    while not answers(address):
        time.sleep(POLL_S)
    took = time.monotonic() - begun
    docker("rm", "--force", container)
    return took


def answers(address):
    connection = http.client.HTTPConnection(address, 8080, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def by_hostler(hosting, config):
    begun = time.monotonic()
    endpoint = hosting.endpoint(config, wait=False)
    while (status := hosting.status(endpoint)) == "Creating":
        time.sleep(POLL_S)
    took = time.monotonic() - begun
    assert status == "InService", hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    hosting.delete(endpoint)
    return took
