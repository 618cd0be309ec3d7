"""The defaults of each framework, by its name.

Why: a framework's library is imported by the file of its defaults, and only when a model needs it.
"""

import importlib

MODULES = {
    "plain": "hostler_serving.of_plain",
    "scikit-learn": "hostler_serving.of_sklearn",
    "xgboost": "hostler_serving.of_xgboost",
    "pytorch": "hostler_serving.of_pytorch",
}


def defaults(name):
    """What makes the defaults of this framework: called with settings and whether the model has a script."""
    return importlib.import_module(MODULES[name]).Defaults
