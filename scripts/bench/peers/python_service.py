"""An image classifier in Python, tuned: FastAPI on uvicorn, Pillow, ONNX Runtime. Measured beside this server by bench.mjs.

In each process the event loop reads uploads, and one thread decodes, resizes, normalises and runs the network. Pillow, numpy and ONNX
Runtime let go of the interpreter's lock while they work. Needs fastapi, uvicorn and python-multipart besides what classifier.py needs.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from classifier import Classifier, given_options, parse_options
from fastapi import FastAPI, UploadFile
from fastapi.responses import JSONResponse


def create_app() -> FastAPI:
    classifier = Classifier(given_options())
    pool = ThreadPoolExecutor(1)
    app = FastAPI()

    @app.post("/classify")
    async def classify(image: UploadFile) -> JSONResponse:
        data = await image.read()
        loop = asyncio.get_running_loop()
        return JSONResponse(await loop.run_in_executor(pool, classifier.answer, data))

    return app


def main() -> None:
    options = parse_options("Serves one network; POST /classify takes a form with a picture in the field image.")
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
