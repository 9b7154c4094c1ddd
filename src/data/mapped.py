"""Sets that are too large to hold: the images lie unpacked beside the packed file and are mapped into memory.

A million portraits of 64x64 are 16.4 GB. Mapped, a batch reads the portraits that it needs; what is kept in memory of
the rest is the operating system's affair, once for all processes.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from src.files import replacing

MEMBER = "images.npy"


def images_bytes(path: Path) -> int:
    """How many bytes the images of a `portraits.npz` take unpacked; only the head of the file is read.

    Raises:
        KeyError, ValueError, OSError, zipfile.BadZipFile: no such file, or not one of packed portraits.
    """
    with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(member)]
        shape, _, dtype = read_header(member)
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def map_images(path: Path, fingerprint: str) -> np.ndarray:
    """The images of a `portraits.npz`, uint8 [N, H, W, 4], mapped from a file beside it.

    That file is unpacked the first time, piece by piece; its name holds the set's fingerprint, and one of other
    content than these is removed.
    """
    name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    unpacked = path.with_name(f"{path.stem}.{name}.unpacked.npy")
    if not unpacked.is_file():
        for outdated in path.parent.glob(f"{path.stem}.*.unpacked.npy"):
            outdated.unlink()
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(MEMBER) as member,
            replacing(unpacked) as temporary,
            open(temporary, "wb") as file,
        ):
            shutil.copyfileobj(member, file, 1 << 24)
    return np.load(unpacked, mmap_mode="r")
