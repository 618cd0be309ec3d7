"""Defaults of PyTorch, as AWS's toolkit has them: TorchScript from model.pt, tensors in, lists out."""

import os

import torch

from hostler_serving import formats, of_plain

MODEL_FILE = "model.pt"
ENDINGS = (".pt", ".pth")


def device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Defaults(of_plain.Defaults):
    framework = "PyTorch"

    def model_fn(self, model_dir):
        """`model.pt`, or the only file of its kind."""
        path = os.path.join(model_dir, MODEL_FILE)
        if not os.path.exists(path):
            found = sorted(name for name in os.listdir(model_dir) if name.endswith(ENDINGS))
            if len(found) != 1:
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {found}")
            path = os.path.join(model_dir, found[0])
        try:
            return torch.jit.load(path, map_location=device()).to(device())
        except RuntimeError as error:
            raise RuntimeError(
                f"{os.path.basename(path)} could not be loaded as TorchScript; a model that was saved in another form needs "
                f"a model_fn: {error}"
            ) from error

    def input_fn(self, body, content_type):
        array = formats.decode(body, content_type)
        has_no_width = formats.plain_type(content_type) in formats.WITHOUT_WIDTH
        tensor = torch.as_tensor(array, dtype=torch.float32) if has_no_width else torch.from_numpy(array)
        return tensor.to(device())

    def predict_fn(self, data, model):
        with torch.no_grad():
            model = model.to(device())
            model.eval()
            return model(data.to(device()))

    def output_fn(self, prediction, accept):
        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy().tolist()
        return super().output_fn(prediction, accept)
