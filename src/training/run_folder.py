"""The artifacts folder of a run: what lies there, and an earlier run moved out of the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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

    def _files(self) -> list[Path]:
        return [path for pattern in FILES for path in sorted(self.path.glob(pattern))]
