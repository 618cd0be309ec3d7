"""Defaults of scikit-learn, as AWS's container has them: text becomes float32, and nobody loads a model but the script."""

from hostler_serving import formats, of_plain


class Defaults(of_plain.Defaults):
    framework = "scikit-learn"
    status_unread = 415
    status_unwritten = 406

    def input_fn(self, body, content_type):
        array = formats.decode(body, content_type)
        has_no_width = formats.plain_type(content_type) in formats.WITHOUT_WIDTH
        return array.astype("float32") if has_no_width else array

    def predict_fn(self, data, model):
        return model.predict(data)
