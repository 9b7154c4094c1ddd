"""All benchmarks with one command: `python -m benchmarks`, from the repository's root."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from benchmarks.machine import describe_machine
from benchmarks.memory import count_memory
from benchmarks.plain import compare_with_plain
from benchmarks.report import write_report
from benchmarks.start import ROOT, time_commands
from benchmarks.step import time_steps
from src.config import load_config
from src.device import default_profile, pick_device
from src.errors import InputError
from src.families import DEFAULT_FAMILY, FAMILIES

COUNTED_PROFILE = "rtx2070"
"""The profile whose memory is counted whatever the hardware: it has to fit a card of 8 GB."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and write the results; returns the exit status: 0 done, 2 bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--families", metavar="A,B", help="names joined by commas; all unless given")
    parser.add_argument("--profiles", metavar="A,B", help="names joined by commas; by the hardware unless given")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "benchmarks" / "results.json",
        metavar="FILE.json",
        help="RESULTS.md comes beside it (default benchmarks/results.json)",
    )
    parsed = parser.parse_args(arguments)
    device = pick_device()
    torch.backends.cudnn.benchmark = True  # as the training loop sets it
    try:
        families = _names(parsed.families) or list(FAMILIES)
        profiles = _names(parsed.profiles) or [default_profile(device)]
        _check(families, profiles, parsed.runs)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    machine = describe_machine(device)
    pairs = [(family, profile) for profile in profiles for family in families]
    steps = []
    for family, profile in pairs:
        print(f"training step of {family}, {profile}", flush=True)
        steps.append(time_steps(family, profile, device, parsed.runs))
    plain = []
    if "resnet_gan" in families:
        for profile in profiles:
            print(f"against a straightforward implementation, {profile}", flush=True)
            plain.append(compare_with_plain(profile, device, parsed.runs))
    memory = []
    for family in families:
        print(f"memory of {family}, {COUNTED_PROFILE}", flush=True)
        memory.append(count_memory(family, COUNTED_PROFILE))
    model = DEFAULT_FAMILY if DEFAULT_FAMILY in families else families[0]
    print(f"starting and sampling with {model}, cpu", flush=True)
    results = {
        "command": " ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)]),
        "runs": parsed.runs,
        "machine": machine,
        "steps": steps,
        "plain": plain,
        "memory": memory,
        "start": time_commands(model, "cpu", parsed.runs),
    }
    print(f"results in {write_report(results, parsed.out)}")
    return 0


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _check(families: list[str], profiles: list[str], runs: int) -> None:
    for family in families:
        for profile in profiles:
            load_config(family, profile)  # refuses unknown names
    if runs < 1:
        raise InputError(f"--runs must be at least 1, not {runs}")


if __name__ == "__main__":
    sys.exit(main())
