"""The image classifier of classifier.py served by LitServe. Measured beside this server by bench.mjs.

Needs litserve and python-multipart besides what classifier.py needs.
"""

from typing import Annotated

import litserve
from classifier import Classifier, given_options, parse_options
from fastapi import File


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.classifier = Classifier(given_options())

    # LitServe reads from this signature how FastAPI is to take the request apart.
    def decode_request(self, request: Annotated[bytes, File(alias="image")]) -> bytes:
        return request

    def predict(self, data: bytes) -> dict[str, object]:
        return self.classifier.answer(data)

    def encode_response(self, answer: dict[str, object]) -> dict[str, object]:
        return answer


def main() -> None:
    options = parse_options("Serves one network; POST /classify takes a form with a picture in the field image.")
    server = litserve.LitServer(
        Api(api_path="/classify"), accelerator="cpu", workers_per_device=options.workers, timeout=False
    )
    server.run(
        host="127.0.0.1",
        port=options.port,
        num_api_servers=options.workers,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
