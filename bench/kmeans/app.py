"""The other side of the comparison: K-Means as one would serve it with Flask and scikit-learn.

Kept as quick as such a server honestly can be: the model is loaded once per worker, the row is parsed by numpy,
and one call computes the distances that give both the cluster and its distance.
"""

import json
import os

import numpy
from flask import Flask, Response, request
from sklearn.cluster import KMeans

WIDTH = 64
CLUSTERS = 10
CENTROIDS_AT = 64  # bytes of MXNet's header before the values of a two-dimensional array

with open(os.environ["MODEL_FILE"], "rb") as file:
    CENTROIDS = numpy.frombuffer(file.read(), "<f4", CLUSTERS * WIDTH, CENTROIDS_AT).reshape(CLUSTERS, WIDTH)

# Fitting gives the object its shape; predictions use nothing but the centres.
MODEL = KMeans(CLUSTERS, init=CENTROIDS, n_init=1, max_iter=1).fit(CENTROIDS)
MODEL.cluster_centers_ = CENTROIDS.copy()

app = Flask(__name__)


@app.get("/ping")
def ping():
    return ""


@app.post("/invocations")
def invocations():
    lines = request.get_data(as_text=True).splitlines()
    rows = numpy.array([line.split(",") for line in lines], numpy.float32)
    distances = MODEL.transform(rows)
    clusters = distances.argmin(axis=1)
    predictions = [
        {"closest_cluster": float(cluster), "distance_to_cluster": float(row[cluster])}
        for cluster, row in zip(clusters, distances)
    ]
    return Response(json.dumps({"predictions": predictions}), content_type="application/json")
