"""`metrics.csv` and the status lines."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from src.tables import write_table


class RunningMeans:
    """Means of scalars over steps, kept on the device: nothing waits for the GPU until the means are asked for."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        for name, value in scalars.items():
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
        path: the file; rows of a previous run that lie beyond `kimg` are dropped, so that a resumed run leaves the
            table that an uninterrupted one would have left.
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
    """The rows of a `metrics.csv`, empty cells left out; no rows where there is no file."""
    if not Path(path).is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def status_line(row: Mapping[str, float], kimg_total: float) -> str:
    """One line a person can follow a run by."""
    left = (kimg_total - row["kimg"]) * 1000 / max(row["images_per_second"], 1e-9)
    parts = [f"{row['kimg']:9.2f} / {kimg_total:g} kimg", f"{row['images_per_second']:5.1f} img/s"]
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
