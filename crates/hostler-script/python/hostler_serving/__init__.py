"""Serves a model by the functions of its `inference.py`, as SageMaker's framework containers do.

Why: those containers are a web server, a calling convention and some defaults. Here they are a few files on Python's
standard library, so that a virtual environment needs nothing but what the model asks for.
Invariants: the front process never imports the model's code; a worker answers one request at a time. What the functions
get, and what becomes of their answers, is what AWS's public toolkits (sagemaker-inference, sagemaker-containers) do;
docs/script-mode.md names the differences.
"""
