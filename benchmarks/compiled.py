"""Does `torch.compile` pay for itself? `python -m benchmarks.compiled`, from the repository's root.

Plain and compiled networks take turns at the step that a family takes most often. Steps with second derivatives are
left out: compiled networks have none.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

import torch

from benchmarks.clock import seconds
from benchmarks.workload import Workload
from src.device import default_profile, pick_device
from src.errors import InputError
from src.families import DEFAULT_FAMILY

WARM_UP = 3
"""Steps that are not timed; the first of them compiles."""


def compare_with_compiled(
    family: str, profile: str, device: torch.device, pairs: int, size: int = 64
) -> dict[str, object]:
    """Time a family's step with its networks plain and compiled, in turns.

    Args:
        family: a name of `FAMILIES`.
        profile: one of its profiles.
        device: where to compute.
        pairs: of timings.
        size: side of the portraits.

    Returns:
        The seconds of the first steps, compilation in them; the plain step's time divided by the compiled one's, above
        1 where compiling pays: median, least and most.
    """
    plain, compiled = (Workload(family, profile, device, size) for _ in range(2))
    kinds = plain.step_kinds()
    step = max(kinds, key=kinds.get)
    for network in compiled.family.networks.values():
        network.compile()
    first = seconds(lambda: [compiled.step(step) for _ in range(WARM_UP)], device)
    for _ in range(WARM_UP):
        plain.step(step)
    ratios = [
        seconds(lambda: plain.step(step), device) / seconds(lambda: compiled.step(step), device) for _ in range(pairs)
    ]
    return {"first_steps_s": first, "ratio": median(ratios), "ratio_least": min(ratios), "ratio_most": max(ratios)}


def main(arguments: list[str] | None = None) -> int:
    """Print a line a family; returns the exit status: 0 done, 2 bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled", description=__doc__)
    parser.add_argument("--families", metavar="A,B", default=DEFAULT_FAMILY, help=f"default {DEFAULT_FAMILY}")
    parser.add_argument("--profile", help="by the hardware unless given")
    parser.add_argument("--pairs", type=int, default=8, help="of timings (default 8)")
    parsed = parser.parse_args(arguments)
    device = pick_device()
    try:
        for family in parsed.families.split(","):
            found = compare_with_compiled(family, parsed.profile or default_profile(device), device, parsed.pairs)
            print(
                f"{family}: {found['ratio']:.2f} times as fast compiled "
                f"({found['ratio_least']:.2f} to {found['ratio_most']:.2f}), "
                f"first {WARM_UP} steps {found['first_steps_s']:.0f} s",
                flush=True,
            )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
