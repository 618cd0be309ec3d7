"""Two scikit-learn models of the handwritten digits, saved for both servers, with what scikit-learn says of some rows.

Runs in the servers' environment: `train.py DIRECTORY`.
"""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

ROWS = 25

target = Path(sys.argv[1])
digits = load_digits()
rows = digits.data[:ROWS]
models = {
    "logistic": LogisticRegression(max_iter=200),
    "stump": DecisionTreeClassifier(max_depth=2, random_state=7),
}
expected = {"rows": rows.tolist()}
for name, model in models.items():
    model.fit(digits.data, digits.target)
    folder = target / name
    folder.mkdir(parents=True)
    joblib.dump(model, folder / "model.joblib")
    mlflow.sklearn.save_model(model, folder / "mlflow", serialization_format="cloudpickle")
    expected[name] = model.predict(rows).tolist()
numpy.save(target / "rows.npy", rows)
(target / "expected.json").write_text(json.dumps(expected))
