"""The artifacts folder of a run: what lies there, an earlier run moved out of the way, and one run at a time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from src.errors import InputError
from src.training.tracking import RUN_ID_FILE

FOLDERS = ("checkpoints", "samples")
# The checkpoints first: without them, a move that was interrupted is not taken for a run to resume.
FILES = ("checkpoints/*.pt", "metrics.csv", "config.json", "samples/*.png", "tensorboard/*", RUN_ID_FILE)


class RunFolder:
    """Where a run writes.

    Args:
        path: the artifacts folder; it may not be there yet.

    Raises:
        InputError: a file lies where a folder is to be, or a folder where a file is.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.latest = self.checkpoints / "latest.pt"
        self.is_ours = False
        """Whether what lies here is of this run, not of an earlier one."""
        for folder in (self.path, *(self.path / name for name in FOLDERS)):
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder} is a file where a run has a folder; remove it, or choose another --out")
        for file in self._files():
            if file.is_dir() and file.parent.name != "tensorboard":
                raise InputError(f"{file} is a folder where a run has a file; remove it, or choose another --out")

    def clear(self, log: Callable[[str], None]) -> None:
        """Move an earlier run, whole or not, out of the way of a fresh one: nothing of it is overwritten."""
        files, earlier = [] if self.is_ours else self._files(), self.path / "earlier_runs"
        self.is_ours = True
        if not files:
            return
        number = 1
        while (target := earlier / f"{number:03d}").exists():
            number += 1
        for file in files:
            moved = target / file.relative_to(self.path)
            moved.parent.mkdir(parents=True, exist_ok=True)
            file.replace(moved)
        log(f"an earlier run was here: moved to {target.relative_to(self.path)}")

    @contextlib.contextmanager
    def locked(self, wait_seconds: float = 10.0) -> Iterator[None]:
        """Context in which no other run of this machine writes here.

        The operating system frees the lock with the process, however that ends. The lock lies in the folder for
        temporary files: shared and mounted folders, where a run may write, often have no locks. Where that folder has
        none either, the run goes on without.

        Args:
            wait_seconds: how long to wait for another run, which may be saving before it ends.

        Raises:
            InputError: another run writes here, and goes on.
        """
        name = hashlib.sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]
        lock = FileLock(Path(tempfile.gettempdir()) / f"hero_portraits_{name}.lock")
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.acquire(timeout=wait_seconds))
            except Timeout:
                raise InputError(
                    f"another run is training in {self.path}; wait for it, stop it, or choose another --out"
                ) from None
            except (OSError, NotImplementedError):
                pass
            yield

    def _files(self) -> list[Path]:
        return [path for pattern in FILES for path in sorted(self.path.glob(pattern))]
