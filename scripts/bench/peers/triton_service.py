"""The image classifier of classifier.py served by Triton, with its Python backend. Measured beside this server by bench.mjs.

Triton comes out of PyPI's nvidia-pytriton, which has the server, the Python backend, and no other backend. Needs that besides what
classifier.py needs, and Python's shared library.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from classifier import TOP, parse_options

HERE = Path(__file__).parent
MODEL = "classify"


def configuration(processes: int) -> str:
    """Of the model: each process takes one picture at a time."""
    return f"""
name: "{MODEL}"
backend: "python"
max_batch_size: 0
input [{{ name: "image" data_type: TYPE_UINT8 dims: [-1] }}]
output [
  {{ name: "index" data_type: TYPE_INT32 dims: [{TOP}] }},
  {{ name: "score" data_type: TYPE_FP32 dims: [{TOP}] }},
  {{ name: "pid" data_type: TYPE_INT32 dims: [1] }}
]
instance_group [{{ count: {processes} kind: KIND_CPU }}]
"""


def write_repository(folder: Path, processes: int) -> None:
    version = folder / MODEL / "1"
    version.mkdir(parents=True)
    (folder / MODEL / "config.pbtxt").write_text(configuration(processes))
    shutil.copy(HERE / "triton_model.py", version / "model.py")


def gather_backend(server: Path, folder: Path) -> None:
    """The Python backend with the program for this version of Python, which the package keeps elsewhere."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(server / "backends" / "python", folder / "python")
    shutil.copy(server / "python_backend_stubs" / python / "triton_python_backend_stub", folder / "python")


def main() -> None:
    options = parse_options("Serves one network; Triton's way of asking it is the Open Inference Protocol.")
    package = importlib.util.find_spec("pytriton")
    if package is None or package.origin is None:
        sys.exit("nvidia-pytriton is not installed")
    packages = Path(package.origin).parents[1]
    server = packages / "pytriton" / "tritonserver"
    folder = Path(options.folder)
    write_repository(folder / "models", options.workers)
    gather_backend(server, folder / "backends")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
        # For triton_model.py.
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    program = server / "bin" / "tritonserver"
    arguments = [
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        "--disable-auto-complete-config",
        "--http-address=127.0.0.1",
        f"--http-port={options.port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--exit-timeout-secs=1",
        "--log-info=false",
        "--log-warning=false",
        "--log-error=false",
    ]
    os.execve(program, [str(program), *arguments], environment)


if __name__ == "__main__":
    main()
