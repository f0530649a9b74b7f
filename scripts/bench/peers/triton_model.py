"""What Triton's Python backend runs: the model of the repository that triton_service.py writes."""

import os
import sys

# The program that runs this embeds a Python which knows its own library only, and no environment variables.
sys.dont_write_bytecode = True
sys.path += os.environ["PYTHONPATH"].split(os.pathsep)

import numpy as np
import triton_python_backend_utils as triton
from classifier import Classifier, given_options


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.classifier = Classifier(given_options())

    def execute(self, requests: list) -> list:
        return [self.answer(request) for request in requests]

    def answer(self, request: object) -> object:
        data = triton.get_input_tensor_by_name(request, "image").as_numpy().tobytes()
        index, score = self.classifier.best(data)
        outputs = {
            "index": index.astype(np.int32),
            "score": score.astype(np.float32),
            "pid": np.array([os.getpid()], np.int32),
        }
        return triton.InferenceResponse([triton.Tensor(name, values) for name, values in outputs.items()])
