"""Defaults of XGBoost: those of AWS's container for scripts, and its own algorithm where there is no script.

Why: the same image serves both. A script gets matrices and gives predictions back; the algorithm reads `xgboost-model`,
answers 415 to rows that cannot be read, 400 to those that do not fit, and CSV where nothing else is asked for.
Invariants: with a script and no model_fn in it, the model is loaded as the algorithm loads it, which AWS's container leaves
to the script.
"""

import json
import os
import pickle

import xgboost

from hostler_serving import formats, of_plain, xgboost_rows
from hostler_serving.errors import Refused, UnsupportedFormat

MODEL_FILE = "xgboost-model"


class Defaults(of_plain.Defaults):
    framework = "XGBoost"

    def __init__(self, settings, has_script):
        super().__init__(settings, has_script)
        if not has_script:
            self.accept = formats.CSV
            self.content_type = xgboost_rows.LIBSVM
            self.transform_fn = self._algorithm

    def model_fn(self, model_dir):
        """`xgboost-model`, or the first file that is not hidden, pickled or saved by XGBoost."""
        path = os.path.join(model_dir, MODEL_FILE)
        if not os.path.isfile(path):
            names = sorted(name for name in os.listdir(model_dir) if not name.startswith("."))
            files = [name for name in names if os.path.isfile(os.path.join(model_dir, name))]
            if not files:
                raise FileNotFoundError(f"there is no {MODEL_FILE} and no other file in the model's directory")
            path = os.path.join(model_dir, files[0])
        return load(path)

    def input_fn(self, body, content_type):
        return xgboost_rows.matrix(body, content_type)

    def predict_fn(self, data, model):
        return model.predict(data, validate_features=False)

    def _algorithm(self, model, body, content_type, accept):
        if not body:
            return Empty()
        try:
            rows = xgboost_rows.matrix(body, content_type)
        except UnsupportedFormat as error:
            raise Refused(415, f"Content type {content_type} is not supported: text/csv and text/libsvm are") from error
        except Exception as error:
            raise Refused(415, str(error)) from error
        try:
            # Of a model that stopped early, the best of its trees.
            best = model.attr("best_iteration")
            bounds = {} if best is None else {"iteration_range": (0, int(best) + 1)}
            found = model.predict(rows, validate_features=False, **bounds).tolist()
        except Exception as error:
            raise Refused(400, f"Unable to evaluate payload provided: {error}") from error
        return written(found, accept)


class Empty:
    """The answer to a body with nothing in it."""

    status_code = 204
    mimetype = formats.CSV

    def get_data(self):
        return b""


def load(path):
    """A booster, whichever way it was saved."""
    with open(path, "rb") as file:
        is_pickle = file.read(1) == b"\x80"
    if is_pickle:
        with open(path, "rb") as file:
            booster = pickle.load(file)  # noqa: S301 - the model's archive may hold code as well
    else:
        booster = xgboost.Booster()
        booster.load_model(path)
    if hasattr(booster, "get_booster"):
        booster = booster.get_booster()
    # Several workers share the processors.
    booster.set_param({"nthread": 1})
    return booster


def written(found, accept):
    """The algorithm's answer: values in a line, or one score for each row."""
    names = [formats.plain_type(part) for part in accept.split(",")]
    for name in names:
        if name in (formats.CSV, "csv"):
            return ",".join(str(value) for value in found), formats.CSV
        if name == formats.JSON:
            return json.dumps({"predictions": [{"score": value} for value in found]}), formats.JSON
        if name == formats.JSON_LINES:
            return "".join(json.dumps({"score": value}) + "\n" for value in found), formats.JSON_LINES
    raise Refused(406, f"Accept type {accept} is not supported: text/csv, application/json and application/jsonlines are")
