"""Reads the tensors of a file that torch.save wrote before version 1.6, without torch.

Such a file is a sequence of pickles (a magic number, the version of the protocol, facts about the machine, the object, the
names of the storages) and then the storages themselves, each a count and the raw values. A tensor is a view of a storage: an
offset, a size and strides. The strides matter: these tensors were written with their dimensions in TensorFlow's order.
"""

import collections
import pickle
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Storage:
    """The values that tensors share; read after the object that names them."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.values = np.empty(0, dtype)


class Tensor:
    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], strides: tuple[int, ...], *_: object) -> None:
        self.storage, self.offset, self.size, self.strides = storage, offset, size, strides

    def array(self) -> np.ndarray:
        values = self.storage.values
        last = self.offset + sum((n - 1) * s for n, s in zip(self.size, self.strides, strict=True))
        if self.offset < 0 or min(self.strides, default=0) < 0 or last >= len(values):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [s * values.itemsize for s in self.strides]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values[self.offset :], self.size, strides))


class Reader(pickle.Unpickler):
    """Knows only what such a file needs: a pickle that names anything else, which it could run, is refused."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Tensor
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(f"the file names {module}.{name}")

    def persistent_load(self, pid: tuple) -> Storage:
        _, dtype, key, *_ = pid
        return self.storages.setdefault(key, Storage(dtype))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict, by name."""
    with path.open("rb") as file:
        if Reader(file).load() != MAGIC or Reader(file).load() != PROTOCOL:
            raise ValueError(f"{path} is not a file of torch's old format")
        if not Reader(file).load()["little_endian"]:
            raise ValueError(f"{path} was written on a machine of the other byte order")
        reader = Reader(file)
        tensors = reader.load()
        for key in Reader(file).load():
            storage = reader.storages[key]
            count = int.from_bytes(file.read(8), "little")
            storage.values = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
            if len(storage.values) != count:
                raise ValueError(f"{path} ends early")
    return {name: tensor.array() for name, tensor in tensors.items()}
