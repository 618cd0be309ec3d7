"""Defaults of no framework in particular: everything but loading the model can be guessed."""

from hostler_serving import formats

NO_MODEL_FN = (
    "{program} has no model_fn(model_dir), which loads the model and returns it; for {framework} there is no default one"
)


class Defaults:
    framework = "a model of no framework in particular"
    accept = formats.JSON
    # Of a body that says nothing of itself.
    content_type = formats.JSON
    # The inference toolkit makes no difference between a type that nobody reads and any other error.
    status_unread = 500
    status_unwritten = 500

    def __init__(self, settings, has_script):
        self.settings = settings
        self.has_script = has_script

    def model_fn(self, model_dir):  # noqa: ARG002 - the convention's argument
        program = self.settings.program if self.has_script else f"the archive has no code/{self.settings.program}, and so"
        raise NotImplementedError(NO_MODEL_FN.format(program=program, framework=self.framework))

    def input_fn(self, body, content_type):
        return formats.decode(body, content_type)

    def predict_fn(self, data, model):
        if callable(getattr(model, "predict", None)):
            return model.predict(data)
        if callable(model):
            return model(data)
        raise NotImplementedError(f"{type(model).__name__} has no predict: implement predict_fn(data, model)")

    def output_fn(self, prediction, accept):
        content_type = formats.choose(accept)
        return formats.encode(prediction, content_type), content_type
