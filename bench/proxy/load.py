"""Load generators and meters: wrk for as much as it takes, h2load for a fixed rate, the scheduler's own count of time."""

import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

from stand import ROOT


def cpu_seconds(pids):
    """What the scheduler counted, in nanoseconds and for every thread; the ticks in `stat` are too coarse for this."""
    spent = 0
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                spent += int(thread.read_text().split()[0])
    return spent / 1e9


def resident_bytes(pids):
    pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def flood(side, endpoint, body, connections, seconds):
    """As many requests as it takes, by wrk."""
    path = side.path(endpoint)
    with tempfile.NamedTemporaryFile() as file:
        head = f"POST {path}\n" + "".join(f"{name}: {value}\n" for name, value in side.headers(path, body).items())
        file.write(head.encode() + b"\n" + body)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
                   "-s", ROOT / "bench/kmeans/wrk.lua", side.url]
        environment, before = {**os.environ, "REQUEST_FILE": file.name}, cpu_seconds(side.processes())
        output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        spent = cpu_seconds(side.processes()) - before
    result = json.loads(output.split("RESULT ", 1)[1].splitlines()[0])
    if result["failed"]:
        raise SystemExit(f"{side.name}: {result['failed']} requests failed")
    return {**result, "cpu_us": spent / (result["per_second"] * seconds) * 1e6}


def trickle(side, endpoint, body, connections, rate, seconds):
    """The same number of requests a second for every side, by h2load: the side's processor time for each, and how long
    each took."""
    path = side.path(endpoint)
    with tempfile.TemporaryDirectory() as folder:
        data, log = pathlib.Path(folder, "body"), pathlib.Path(folder, "log")
        data.write_bytes(body)
        headers = [part for name, value in side.headers(path, body).items() for part in ("-H", f"{name}: {value}")]
        command = ["h2load", "--h1", "-t1", f"-c{connections}", f"--rps={rate / connections}", f"-D{seconds}",
                   f"--log-file={log}", *headers, "-d", data, side.url + path]
        before = cpu_seconds(side.processes())
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = cpu_seconds(side.processes()) - before
        took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    done, good = (int(re.search(rf"(\d+) {word}", output).group(1)) for word in ("done", "2xx"))
    if done != good or done < 0.9 * rate * seconds:
        raise SystemExit(f"{side.name}: {good} good answers of {done}, {rate * seconds} wanted\n{output}")
    at = lambda share: took[min(len(took) - 1, int(share * len(took)))]
    return {"cpu_us": spent / done * 1e6, "rate": done / seconds, "p50_us": at(0.5), "p99_us": at(0.99)}


def middle(rounds, key):
    return statistics.median(one[key] for one in rounds)


def middle_ratio(ours, theirs, key):
    """The median of the ratios within a round: what the machine did besides is in both."""
    return statistics.median(one[key] / other[key] for one, other in zip(ours, theirs))


def verdict(what, ratio, goal, at_most):
    met = ratio <= goal if at_most else ratio >= goal
    print(f"{what}: {ratio:.2f}, goal at {'most' if at_most else 'least'} {goal:.2f}: {'met' if met else 'NOT met'}")
