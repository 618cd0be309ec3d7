"""A scikit-learn model under inference-server, as its documentation shows it: hooks, and the WSGI application."""

import json
import os

import inference_server
import inference_server._plugin
import joblib


class Hooks:
    @inference_server.plugin_hook()
    def model_fn(self, model_dir):
        return joblib.load(os.path.join(model_dir, "model.joblib"))

    @inference_server.plugin_hook()
    def input_fn(self, input_data, content_type):
        return [[float(cell) for cell in line.split(",")] for line in input_data.decode().splitlines()]

    @inference_server.plugin_hook()
    def predict_fn(self, data, model):
        return model.predict(data).tolist()

    @inference_server.plugin_hook()
    def output_fn(self, prediction, accept):
        return json.dumps(prediction).encode(), "application/json"


inference_server._plugin.manager().register(Hooks())
app = inference_server.create_app()
