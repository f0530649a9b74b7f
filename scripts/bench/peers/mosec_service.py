"""The image classifier of classifier.py served by mosec. Measured beside this server by bench.mjs.

Needs mosec besides what classifier.py needs.
"""

import sys

from classifier import Classifier, given_options, parse_options
from mosec import Server, Worker

TIMEOUT_MS = 60_000


class Classify(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.classifier = Classifier(given_options())

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> dict:
        return self.classifier.answer(data)


def main() -> None:
    options = parse_options("Serves one network; POST /classify takes a picture as the body.")
    # Mosec reads the command line for itself.
    sys.argv[1:] = ["--address=127.0.0.1", f"--port={options.port}", f"--timeout={TIMEOUT_MS}", "--log-level=error"]
    server = Server()
    server.append_worker(Classify, num=options.workers, route="/classify")
    server.run()


if __name__ == "__main__":
    main()
