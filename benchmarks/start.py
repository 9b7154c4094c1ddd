"""What a person waits for at the command line: `--help`, the first portrait, a thousand portraits."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.workload import made_up_portraits

ROOT = Path(__file__).resolve().parents[1]

MANY = 1000


def command_seconds(arguments: Sequence[str], runs: int) -> list[float]:
    """Wall time of `python -m src ...` from its start to its end, once for every run.

    Raises:
        RuntimeError: the command failed; the message is its last words.
    """
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "src", *arguments], cwd=ROOT, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        if done.returncode:
            raise RuntimeError(f"python -m src {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    return times


def write_packed(folder: Path, count: int = 128, size: int = 64) -> None:
    """A data folder of made-up portraits, as `build` leaves it for `train`."""
    portraits = made_up_portraits(count, size)
    np.savez(
        folder / "portraits.npz",
        images=portraits.images,
        labels=portraits.labels,
        split=portraits.split,
        label_mappings=json.dumps(portraits.specification.to_mapping()),
        fingerprint=portraits.fingerprint,
    )


def time_commands(family: str, profile: str, runs: int) -> dict[str, object]:
    """Train one step of a profile's networks, then time the commands that draw from them.

    Portraits a second are those after the first: the difference between a thousand and one.

    Args:
        family: a name of `FAMILIES`.
        profile: one of its profiles.
        runs: how many times each command is run.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_packed(folder)
        out, sampled = folder / "out", folder / "drawn"
        trained = ["--data", str(folder), "--out", str(out), "--family", family, "--profile", profile]
        command_seconds(["train", *trained, "--kimg", "0.001"], 1)
        sample = ["sample", "--checkpoint", str(out / "checkpoints" / "latest.pt"), "--out", str(sampled), "-n"]
        help_seconds = command_seconds(["--help"], runs)
        first, many = [], []
        for _ in range(runs):
            first += command_seconds([*sample, "1"], 1)
            many += command_seconds([*sample, str(MANY)], 1)
    rates = [(MANY - 1) / (longer - shorter) for shorter, longer in zip(first, many, strict=True)]
    return {
        "family": family,
        "profile": profile,
        "help_seconds": median(help_seconds),
        "first_portrait_seconds": median(first),
        "many": MANY,
        "many_seconds": median(many),
        "portraits_per_second": median(rates),
    }
