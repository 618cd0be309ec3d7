"""The model's functions, with the framework's defaults in the place of those that it does not have.

Why: which functions there may be, what each is called with and which exclude each other is the convention that scripts are
written to; it is the same for every framework.
Invariants: a function is given a context when it takes exactly one argument more than the convention has.
Failure: what is wrong with the script is an exception of `load`, before any request.
"""

import importlib
import inspect
import os
import sys

from hostler_serving import answers, formats
from hostler_serving.context import Context
from hostler_serving.errors import Refused, UnsupportedFormat

NAMES = ("model_fn", "transform_fn", "input_fn", "predict_fn", "output_fn")


class Handlers:
    def __init__(self, functions, defaults, settings):
        self._functions = functions
        self._defaults = defaults
        self._settings = settings
        self._model = None

    def load_model(self):
        context = Context(self._settings.model_dir)
        for name in ("pre_model_fn", "model_fn", "model_warmup_fn"):
            function = self._function(name)
            arguments = [self._settings.model_dir]
            if name == "model_warmup_fn":
                arguments.append(self._model)
            result = None if function is None else call(function, arguments, context)
            if name == "model_fn":
                self._model = result

    def answer(self, body, content_type, accept, headers):
        """The answer to one request; exceptions of the model's own functions go through."""
        settings = self._settings
        context = Context(settings.model_dir, headers)
        content_type = content_type or self._defaults.content_type
        if not accept or formats.plain_type(accept) == formats.ANY:
            accept = settings.default_accept or self._defaults.accept
        if content_type in formats.TEXTS:
            body = body.decode("utf-8")
        transform = self._function("transform_fn")
        if transform is not None:
            result = call(transform, [self._model, body, content_type, accept], context)
        else:
            result = self._transform(body, content_type, accept, context)
        answer = answers.of(result, accept)
        if context.response_content_type and not isinstance(result, tuple):
            answer.content_type = context.response_content_type
        if context.response_status:
            answer.status = context.response_status
        return answer

    def _transform(self, body, content_type, accept, context):
        try:
            data = call(self._function("input_fn"), [body, content_type], context)
        except UnsupportedFormat as error:
            raise Refused(self._defaults.status_unread, str(error)) from error
        prediction = call(self._function("predict_fn"), [data, self._model], context)
        try:
            return call(self._function("output_fn"), [prediction, accept], context)
        except UnsupportedFormat as error:
            raise Refused(self._defaults.status_unwritten, str(error)) from error

    def _function(self, name):
        return self._functions.get(name) or getattr(self._defaults, name, None)


def load(settings, defaults):
    """The handlers of the model's script, or the defaults alone where it has none."""
    module = _module(settings)
    functions = {
        name: getattr(module, name) for name in (*NAMES, "pre_model_fn", "model_warmup_fn") if hasattr(module, name)
    }
    if "transform_fn" in functions and {"input_fn", "predict_fn", "output_fn"} & set(functions):
        raise ValueError(
            f"{settings.program} has transform_fn and one of input_fn, predict_fn and output_fn: transform_fn stands for "
            "all three"
        )
    return Handlers(functions, defaults(settings, has_script=module is not None), settings)


def _module(settings):
    folder, file_name = os.path.split(settings.program)
    path = os.path.join(settings.code_dir, folder)
    name = file_name[:-3] if file_name.endswith(".py") else file_name
    for directory in {settings.code_dir: None, path: None}:
        if os.path.isdir(directory):
            sys.path.insert(0, directory)
    if not os.path.isfile(os.path.join(path, name + ".py")):
        if settings.program_is_asked_for:
            raise FileNotFoundError(
                f"SAGEMAKER_PROGRAM is {settings.program}, and there is no such file in {settings.code_dir}"
            )
        return None
    return importlib.import_module(name)


def call(function, arguments, context):
    """Calls it, with the context if it takes one argument more."""
    taken = len(inspect.signature(function).parameters)
    if taken == len(arguments):
        return function(*arguments)
    if taken == len(arguments) + 1:
        return function(*arguments, context)
    name = getattr(function, "__name__", function)
    raise TypeError(f"{name} takes {taken} arguments but {len(arguments)} were given.")
