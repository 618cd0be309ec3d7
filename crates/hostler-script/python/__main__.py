"""The contract server of script mode: `python DIRECTORY --port N --model-dir DIR ...`, or one of its workers.

Why: this directory alone is put on the path of modules, and it holds one package of ours, so that a model's own modules
are shadowed by none.
"""

import sys

from hostler_serving import front, settings, worker

if __name__ == "__main__":
    chosen = settings.read(sys.argv[1:])
    sys.exit(front.run(chosen) if chosen.worker_fd is None else worker.run(chosen))
