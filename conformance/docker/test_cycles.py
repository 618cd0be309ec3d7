"""An endpoint of an image is made, asked and deleted again and again: nothing grows."""

import os

from holding import files, held

from harness.waiting import eventually

CONFIG = f'[docker]\nsocket = "{os.environ["HOSTLER_TEST_DOCKER"]}"\n'
# What is made once, at the first use, is no leak; allocators and caches take a few rounds.
WARM, CYCLES = 5, 15
# Of memory and of disk some steps are seen: the database's write-ahead log grows to 1,000 pages before it begins anew.
MEMORY_KIB, DATA_KIB, ENGINE_KIB = 2048, 4500, 512


def test_many_endpoints_one_after_another_leave_everything_where_it_was(hosting, server, testmodel):
    model = hosting.model(image=testmodel[0], environment={"TEST_LISTEN": "0.0.0.0"})
    config = hosting.config(model)

    def cycle():
        endpoint = hosting.endpoint(config)
        assert hosting.invoke(endpoint, b"x")["Payload"] == b"x"
        hosting.delete(endpoint)

    for _ in range(WARM):
        cycle()
    before, files_before = held(server), files(server)
    for _ in range(CYCLES):
        cycle()
    bounds = {"KiB of memory": MEMORY_KIB, "KiB in the data directory": DATA_KIB, "KiB at the engine": ENGINE_KIB}

    def grown():
        now = held(server)
        return {name: (was, now[name]) for name, was in before.items() if now[name] > was + bounds.get(name, 0)}

    eventually(grown, lambda found: not found, "nothing has grown", 30)
    assert files(server) == files_before
