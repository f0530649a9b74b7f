"""An image classifier in Python, tuned: FastAPI on uvicorn, Pillow, ONNX Runtime. Measured beside this server by bench.mjs.

The event loop reads uploads; worker threads decode, resize, normalise and run the network, each with a session of its own that
computes on one thread. Pillow, numpy and ONNX Runtime let go of the interpreter's lock while they work. With --workers there
are several such processes. Needs fastapi, uvicorn, python-multipart, pillow, numpy and onnxruntime.
"""

import argparse
import asyncio
import io
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, UploadFile
from fastapi.responses import JSONResponse
from PIL import Image

TOP = 5
TICK_S = 0.01
# Uvicorn's worker processes import this file anew and learn from here what to serve.
OPTIONS = "PYTHON_SERVICE_OPTIONS"


def numbers(text: str) -> list[float]:
    return [float(value) for value in text.split(",")]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serves one network; POST /classify takes a form with a file `image`.")
    parser.add_argument("--model", required=True, help="ONNX file")
    parser.add_argument("--input", default="input", help="its input")
    parser.add_argument("--size", type=int, default=224, help="pixels of a side of the input")
    parser.add_argument(
        "--resize", type=int, default=256, help="pixels of the shorter side before the middle is cut out"
    )
    parser.add_argument("--channels", type=int, default=3, help="3, or 1 for grey")
    parser.add_argument("--scale", type=float, default=1.0, help="(value * scale - mean) / std")
    parser.add_argument("--mean", type=numbers, default=[0.0, 0.0, 0.0])
    parser.add_argument("--std", type=numbers, default=[1.0, 1.0, 1.0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="worker threads of a process")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    return parser.parse_args()


class Classifier:
    """Answers pictures in worker threads."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        # (x * scale - mean) / std as one multiplication and one addition.
        std = np.array(options.std, np.float32).reshape(-1, 1, 1)
        self.factor = np.float32(options.scale) / std
        self.offset = -np.array(options.mean, np.float32).reshape(-1, 1, 1) / std
        self.local = threading.local()
        self.pool = ThreadPoolExecutor(options.threads, initializer=self.open_session)
        # A thread is started for each piece of work while there are fewer; none ends before all have begun.
        begun = threading.Barrier(options.threads)
        list(self.pool.map(lambda _: begun.wait(), range(options.threads)))

    def open_session(self) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.log_severity_level = 3
        self.local.session = onnxruntime.InferenceSession(
            self.options.model, settings, providers=["CPUExecutionProvider"]
        )

    def preprocess(self, data: bytes) -> np.ndarray:
        """1 x channels x size x size."""
        size, channels = self.options.size, self.options.channels
        image = Image.open(io.BytesIO(data)).convert("L" if channels == 1 else "RGB")
        width, height = image.size
        scale = self.options.resize / min(width, height)
        resized = int(width * scale), int(height * scale)
        left, top = (round((side - size) / 2) for side in resized)
        across, down = width / resized[0], height / resized[1]
        # Only what the crop shows is resized; it differs from the whole picture, resized and cropped, by 1 of 255 at most.
        box = left * across, top * down, (left + size) * across, (top + size) * down
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))
        tensor = np.empty((1, channels, size, size), np.float32)
        planes = pixels.reshape(size, size, channels).transpose(2, 0, 1)
        np.multiply(planes, self.factor, out=tensor[0])
        tensor += self.offset
        return tensor

    def classify(self, data: bytes) -> list[dict[str, float]]:
        feeds = {self.options.input: self.preprocess(data)}
        logits = self.local.session.run(None, feeds)[0].ravel()
        powers = np.exp(logits - logits.max())
        scores = powers / powers.sum()
        best = np.argsort(scores)[: -TOP - 1 : -1]
        return [{"index": int(index), "score": float(scores[index])} for index in best]


def create_app() -> FastAPI:
    classifier = Classifier(argparse.Namespace(**json.loads(os.environ[OPTIONS])))
    delays: list[float] = []

    async def watch_event_loop() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(TICK_S)
            delays.append(time.perf_counter() - started)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(watch_event_loop())
        yield
        watch.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.get("/livez")
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "ok", "pid": os.getpid()})

    @app.get("/event-loop")
    async def event_loop() -> JSONResponse:
        """99th percentile in ms since it was last asked."""
        ms = 1000 * float(np.percentile(delays, 99)) if delays else 0.0
        delays.clear()
        return JSONResponse(ms)

    @app.post("/classify")
    async def classify(image: UploadFile) -> JSONResponse:
        data = await image.read()
        loop = asyncio.get_running_loop()
        return JSONResponse({"predictions": await loop.run_in_executor(classifier.pool, classifier.classify, data)})

    return app


def main() -> None:
    options = parse_options()
    os.environ[OPTIONS] = json.dumps(vars(options))
    module = Path(__file__)
    uvicorn.run(
        f"{module.stem}:create_app",
        factory=True,
        app_dir=str(module.parent),
        port=options.port,
        workers=options.workers,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
