"""A small real XGBoost model in the three forms that AWS's container reads, and what the library says of some rows.

    python3 -m venv venv
    venv/bin/pip install xgboost-cpu==3.0.5 scikit-learn==1.9.1
    venv/bin/python conformance/servers/digits_xgboost/make.py

The model guesses which digit an 8 x 8 pixel image shows; the images are the "Optical Recognition of Handwritten Digits"
data (CC BY 4.0) that scikit-learn carries.
"""

import json
import pickle
from pathlib import Path

import xgboost
from sklearn.datasets import load_digits

HERE = Path(__file__).resolve().parent
ROWS, ROUNDS = 12, 8

images, digits = load_digits(return_X_y=True)
images = images.astype("float32")
booster = xgboost.train({"max_depth": 3, "nthread": 1, "seed": 7}, xgboost.DMatrix(images, label=digits), ROUNDS)
for name in ("json", "ubj"):
    (HERE / f"model.{name}").write_bytes(bytes(booster.save_raw(name)))
(HERE / "model.pkl").write_bytes(pickle.dumps(booster))
rows = images[:ROWS]
# With a pixel left out of each: a missing value, in both formats of the rows.
gaps = rows.copy()
gaps[:, 36] = float("nan")
expected = {
    "rows": rows.tolist(),
    "scores": booster.predict(xgboost.DMatrix(rows)).tolist(),
    "gap": 36,
    "scores_with_gap": booster.predict(xgboost.DMatrix(gaps)).tolist(),
}
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")
