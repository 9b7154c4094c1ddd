"""`metrics.csv` and the status lines."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from src.errors import InputError
from src.tables import read_table, write_table
from src.training.budget import Budget


def unread(log: Callable[[str], None]) -> Callable[[str], None]:
    """The same log, for lines that may get lost: a reader who has gone (`| head`) or a full disk is no error."""

    def write(line: str) -> None:
        with contextlib.suppress(OSError):
            log(line)

    return write


def beside(artifacts: Path, log: Callable[[str], None]) -> Callable[[str], None]:
    """The same log, with absolute paths in an artifacts folder as seen from beside that folder."""
    start = f"{artifacts.parent}{os.sep}" if artifacts.is_absolute() else ""
    return lambda line: log(line.replace(start, "") if start else line)


class RunningMeans:
    """Means of scalars over steps, in fp32 and without their graphs.

    They stay on the device: nothing waits for the GPU until the means are asked for.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        for name, value in scalars.items():
            value = value.detach().float()
            self.sums[name] = self.sums[name] + value if name in self.sums else value.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """The means since the last `take`."""
        names = list(self.sums)
        values = torch.stack([self.sums[name] for name in names]).tolist() if names else []
        return {name: value / self.counts[name] for name, value in zip(names, values, strict=True)}

    def take(self) -> dict[str, float]:
        """The means since the last call; starts anew."""
        means = self.means()
        self.sums, self.counts = {}, {}
        return means


class MetricsTable:
    """A CSV that grows by a row a report, written anew each time: a few hundred rows, and never half a row.

    Columns may join later (a lazy penalty's first value comes late).

    Args:
        path: the file; rows of a previous run that lie beyond `kimg` are dropped, so that no row is twice in it. A run
            that is saved has a row there, and the next one is a mean over what came since.
        kimg: where training goes on; 0 for a fresh run.
    """

    def __init__(self, path: Path, kimg: float) -> None:
        self.path = path
        self.rows = [row for row in read_metrics(path) if kimg > 0 and row["kimg"] <= kimg]

    def add(self, row: Mapping[str, float]) -> None:
        self.rows.append(dict(row))
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        write_table(self.path, columns, self.rows)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a `metrics.csv`, empty cells left out; no rows where there is no file.

    Raises:
        InputError: another file.
    """
    path = Path(path)
    if not path.is_file():
        return []
    rows = read_table(path, ("kimg",)).to_dict("records")
    advice = "mend or remove it"
    try:
        numbers = [{name: float(value) for name, value in row.items() if value} for row in rows]
    except ValueError as error:
        raise InputError(f"{path} holds something else than numbers ({error}); {advice}") from None
    if not all(row.get("kimg", -1) >= 0 for row in numbers):
        raise InputError(f"{path} has rows without their kimg; {advice}")
    return numbers


def status_line(row: Mapping[str, float], budget: Budget) -> str:
    """One line a person can follow a run by."""
    left = budget.seconds_left(1000 * row["kimg"], row["images_per_second"])
    of_total = f" / {budget.images / 1000:g}" if budget.images < math.inf else ""
    parts = [f"{row['kimg']:9.2f}{of_total} kimg", f"{row['images_per_second']:5.1f} img/s"]
    parts += [f"{name} {row[name]:.3f}" for name in row if name.startswith("loss_")]
    if "diversity" in row:
        parts.append(f"diversity {row['diversity']:.2f}")
    if "kid_random" in row:
        parts.append(f"KID {row['kid_random']:.3g}")
    return "  ".join([*parts, f"{duration(left)} left"])


def duration(seconds: float) -> str:
    """Seconds for a person to read: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
