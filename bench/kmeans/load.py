"""A plain load generator for machines without wrk: processes of one connection each, requests one after another.

It costs far more than wrk, so against a quick server it measures itself; the ratio it shows is too low, never
too high. Prints the same line of JSON as wrk.lua.
"""

import json
import multiprocessing
import socket
import sys
import time
import urllib.parse


def answer_length(stream, received):
    """The length of one whole answer, reading on until its head is there."""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += stream.recv(65536)
    head = received[:end].lower()
    at = head.index(b"content-length:") + len(b"content-length:")
    length = int(head[at : (head + b"\r\n").index(b"\r\n", at)])
    return end + 4 + length, head.split(b" ", 2)[1] == b"200", received


def connection(address, request, seconds, results):
    latencies, failed = [], 0
    stream = socket.create_connection(address)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    started = before = time.perf_counter()
    while before - started < seconds:
        stream.sendall(request)
        length, is_ok, received = answer_length(stream, stream.recv(65536))
        while len(received) < length:
            received += stream.recv(65536)
        failed += not is_ok
        after = time.perf_counter()
        latencies.append(after - before)
        before = after
    results.put((len(latencies) / (before - started), latencies, failed))


def main():
    request_file, url, connections, seconds = sys.argv[1:]
    url = urllib.parse.urlsplit(url)
    head, body = open(request_file, "rb").read().split(b"\n\n", 1)
    first, *lines = head.split(b"\n")
    lines = [first + b" HTTP/1.1", *lines, b"Content-Length: %d" % len(body)]
    if not any(line.lower().startswith(b"host:") for line in lines):
        lines.append(b"Host: " + url.netloc.encode())
    request = b"\r\n".join(lines) + b"\r\n\r\n" + body
    results = multiprocessing.Queue()
    arguments = ((url.hostname, url.port), request, float(seconds), results)
    workers = [multiprocessing.Process(target=connection, args=arguments) for _ in range(int(connections))]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    latencies = sorted(latency for _, several, _ in found for latency in several)
    print("RESULT " + json.dumps({
        "per_second": sum(rate for rate, _, _ in found),
        "p50_us": latencies[len(latencies) // 2] * 1e6,
        "p99_us": latencies[len(latencies) * 99 // 100] * 1e6,
        "failed": sum(failed for _, _, failed in found),
    }))


if __name__ == "__main__":
    main()
