#!/usr/bin/env python3
"""One-row K-Means requests: Hostler's runtime beside gunicorn + Flask + scikit-learn, measured in one run.

Makes its own virtual environment, starts every side on loopback, checks that all of them give the same answers,
then measures them in turn and prints the medians and their ratios. See README.md.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parent.parent / "examples" / "kmeans-digits"
PACKAGES = ["flask==3.1.3", "gunicorn==27.0.1", "scikit-learn==1.9.1", "numpy==2.4.6", "boto3"]
REFERENCE = "gunicorn + Flask + scikit-learn"
RUNTIME = "hostler runtime"
GATEWAY = "hostler gateway, signed"
READY_SECONDS = 60
SETTLE_SECONDS = 1  # of load before each measured round, thrown away


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument("--hostler", type=pathlib.Path, help="the hostler binary: measures runtime and gateway")
    program.add_argument("--runtime", type=pathlib.Path, help="the hostler-runtime binary: measures the runtime alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of one measured round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--venv", type=pathlib.Path, default=HERE / ".venv")
    parser.add_argument("--wrk", default="wrk", help="the wrk program; without one a slow client of our own is used")
    return parser.parse_args()


def make_venv(folder):
    """The Python of a virtual environment that holds PACKAGES."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
    return python


@contextlib.contextmanager
def running(command, **options):
    """A process group for the time of a `with`; its standard output can be read."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{url} did not answer 200: {error}")
            time.sleep(0.05)


def url_in_first_line(process):
    line = process.stdout.readline()
    found = re.search(r"https?://\S+", line)
    if not found:
        raise SystemExit(f"{process.args} said {line!r}, not where it listens")
    return found.group().rstrip("/")


class Side:
    """One server under test."""

    def __init__(self, name, url, processes, make_request):
        self.name, self.url, self.processes, self.make_request = name, url, processes, make_request
        self.rounds = []


def plain_request(row):
    headers = {"Content-Type": "text/csv"}
    return "/invocations", headers, row.encode()


@contextlib.contextmanager
def reference_side(python):
    port = free_port()
    environment = {**os.environ, "MODEL_FILE": str(EXAMPLE / "model_algo-1"), "OMP_NUM_THREADS": "1"}
    command = [python, "-m", "gunicorn", "--workers", "2", "--threads", "2", "--log-level", "error", "--no-control-socket",
               "--bind", f"127.0.0.1:{port}", "app:app"]
    with running(command, cwd=HERE, env=environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/ping", process)
        yield Side(REFERENCE, url, [process.pid], plain_request)


@contextlib.contextmanager
def runtime_side(command):
    arguments = ["--engine", "kmeans", "--model-dir", EXAMPLE, "--port", "0"]
    with running([*command, *arguments]) as process:
        url = url_in_first_line(process)
        wait_for(f"{url}/ping", process)
        yield Side(RUNTIME, url, [process.pid], plain_request)


@contextlib.contextmanager
def gateway_side(hostler, python):
    """A whole server with an endpoint, called with signatures that botocore makes."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        command = [hostler, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"]
        with running(command) as process:
            url = url_in_first_line(process)
            wait_for(f"{url}/healthz", process)
            environment = {
                **os.environ,
                "AWS_CONFIG_FILE": str(data / "aws" / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(data / "aws" / "credentials"),
                "AWS_PROFILE": "hostler",
            }
            endpoint = [python, HERE / "endpoint.py"]
            subprocess.run([*endpoint, "create", EXAMPLE / "model.tar.gz"], env=environment, check=True)

            def signed(row):
                # A signature is good for minutes, so one is made per round and sent again and again.
                found = subprocess.run([*endpoint, "sign", url], env=environment, check=True,
                                       input=row, capture_output=True, text=True)
                request = json.loads(found.stdout)
                return request["path"], request["headers"], row.encode()

            yield Side(GATEWAY, url, [process.pid], signed)


def cpu_seconds(pids):
    """Processor time of these processes and everything they started."""
    parents, ticks = {}, {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(stat.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    chosen = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in chosen} - chosen:
        chosen |= more
    return sum(ticks.get(pid, 0) for pid in chosen) / os.sysconf("SC_CLK_TCK")


def ask(side, row):
    path, headers, body = side.make_request(row)
    request = urllib.request.Request(side.url + path, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        [prediction] = json.load(response)["predictions"]
    return prediction["closest_cluster"], prediction["distance_to_cluster"]


def check_answers(sides, rows):
    """No figure is worth anything if the answers differ."""
    expected = json.loads((EXAMPLE / "expected.json").read_text())["predictions"]
    for row, prediction in zip(rows, expected, strict=True):
        for side in sides:
            cluster, distance = ask(side, row)
            if cluster != prediction["closest_cluster"] or abs(distance - prediction["distance_to_cluster"]) > 1e-3:
                raise SystemExit(f"{side.name} answered {cluster}, {distance}; expected {prediction} for {row}")


def measure(side, row, client, seconds):
    path, headers, body = side.make_request(row)
    with tempfile.NamedTemporaryFile() as request:
        head = f"POST {path}\n" + "".join(f"{name}: {value}\n" for name, value in headers.items())
        request.write(head.encode() + b"\n" + body)
        request.flush()
        before = cpu_seconds(side.processes)
        output = client(request.name, side.url, seconds)
        spent = cpu_seconds(side.processes) - before
    result = json.loads(output.split("RESULT ", 1)[1].splitlines()[0])
    if result["failed"]:
        raise SystemExit(f"{side.name}: {result['failed']} requests failed")
    result["cpu_us"] = spent / (result["per_second"] * seconds) * 1e6
    return result


def make_client(arguments):
    wrk = shutil.which(arguments.wrk)
    connections = str(arguments.connections)
    if wrk:
        def client(request, url, seconds):
            command = [wrk, "-t1", "-c" + connections, f"-d{seconds}s", "-s", HERE / "wrk.lua", url]
            environment = {**os.environ, "REQUEST_FILE": request}
            return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        return "wrk, 1 thread", client

    def client(request, url, seconds):
        command = [sys.executable, HERE / "load.py", request, url, connections, str(seconds)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "load.py (no wrk here: it slows the quick sides down)", client


def report(sides, client_name, arguments):
    print(f"\nOne-row CSV requests; client: {client_name}, {arguments.connections} connections; "
          f"medians of {arguments.rounds} rounds of {arguments.seconds} s, in turn; {os.cpu_count()} cores.\n")
    print("| side | requests/s | least - most | p50 | p99 | server CPU per request | ratio | CPU ratio |")
    print("|---|---|---|---|---|---|---|---|")
    middle = lambda side, what: statistics.median(result[what] for result in side.rounds)
    base = sides[0]
    for side in sides:
        rates = [result["per_second"] for result in side.rounds]
        rate, cpu = middle(side, "per_second"), middle(side, "cpu_us")
        print(f"| {side.name} | {rate:,.0f} | {min(rates):,.0f} - {max(rates):,.0f} "
              f"| {middle(side, 'p50_us') / 1000:.2f} ms | {middle(side, 'p99_us') / 1000:.2f} ms | {cpu:.0f} us "
              f"| {rate / middle(base, 'per_second'):.1f}x | {middle(base, 'cpu_us') / cpu:.1f}x |")


def main():
    arguments = parse_arguments()
    client_name, client = make_client(arguments)
    python = make_venv(arguments.venv)
    rows = (EXAMPLE / "rows.csv").read_text().splitlines()
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(reference_side(python))]
        if arguments.hostler:
            hostler = arguments.hostler.resolve()
            sides.append(stack.enter_context(runtime_side([hostler, "runtime"])))
            sides.append(stack.enter_context(gateway_side(hostler, python)))
        else:
            sides.append(stack.enter_context(runtime_side([arguments.runtime.resolve()])))
        check_answers(sides, rows)
        print(f"all sides answer alike on {len(rows)} rows", file=sys.stderr)
        for number in range(arguments.rounds):
            for side in sides:
                measure(side, rows[0], client, SETTLE_SECONDS)
                result = measure(side, rows[0], client, arguments.seconds)
                side.rounds.append(result)
                print(f"round {number + 1}: {side.name}: {result['per_second']:,.0f}/s", file=sys.stderr)
        report(sides, client_name, arguments)


if __name__ == "__main__":
    main()
