"""The figures as JSON for programs and as Markdown tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.files import replacing
from src.tables import write_json

BUSY = 0.5
"""From this load a core on, figures are marked as a busy machine's."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_report(results: Mapping[str, object], path: Path) -> Path:
    """Write the JSON at `path` and `RESULTS.md` beside it; returns the latter's path."""
    write_json(path, results)
    page = path.with_name("RESULTS.md")
    with replacing(page) as temporary:
        temporary.write_text(markdown(results), encoding="utf-8", newline="\n")
    return page


def markdown(results: Mapping[str, object]) -> str:
    """The whole page."""
    parts = [
        "# Measured",
        f"Written by `{results['command']}`; medians of {results['runs']} runs, ratios within one run. "
        "[docs/performance.md](../docs/performance.md) says what is measured and how.",
        _machine(results["machine"]),
        "## Training",
        _steps(results["steps"]),
    ]
    if results["plain"]:
        parts += ["## Against a straightforward implementation", _plain(results["plain"])]
    parts += ["## Memory of the `rtx2070` profiles, counted", _memory(results["memory"])]
    parts += ["## The command line", _start(results["start"])]
    return "\n\n".join(parts) + "\n"


def _machine(machine: Mapping[str, object]) -> str:
    lines = [
        f"{machine['date']}: {machine['processor']}, {machine['cores']} cores, {machine['threads']} threads "
        f"({machine['cpu_capability']}), {machine['system']}, Python {machine['python']}, torch {machine['torch']}."
    ]
    if "card" in machine:
        lines.append(f"Card: {machine['card']}, {machine['card_bytes'] / 1e9:.1f} GB, CUDA {machine['cuda']}.")
    load = machine["load_before"]
    if load is not None:
        lines.append(f"Load before: {load:.1f}.")
        if load > BUSY * machine["cores"]:
            lines.append("**The machine was busy: absolute figures are too low, ratios are rough.**")
    return " ".join(lines)


def _steps(steps: Sequence[Mapping[str, object]]) -> str:
    heads = ["family", "profile", "format", "images/s", "least to most", "GFLOP an image", "GFLOP/s", "of peak"]
    heads += ["outside the networks"]
    on_card = any("card_bytes_allocated" in row for row in steps)
    heads += ["card GB (allocated, reserved)"] * on_card
    rows = []
    for row in steps:
        outside = row["time_shares"]["optimizer"] + row["time_shares"]["rest"]
        cells = [
            f"`{row['family']}`",
            row["profile"],
            row["precision"],
            f"{row['images_per_second']:.1f}",
            f"{row['images_per_second_least']:.1f} to {row['images_per_second_most']:.1f}",
            f"{row['operations_an_image'] / 1e9:.2f}",
            f"{row['flops'] / 1e9:.0f}",
            f"{row['share_of_peak']:.0%}",
            f"{outside:.0%}",
        ]
        if on_card:
            cells.append(f"{row['card_bytes_allocated'] / 1e9:.2f}, {row['card_bytes_reserved'] / 1e9:.2f}")
        rows.append(cells)
    return table(heads, rows)


def _plain(rows: Sequence[Mapping[str, object]]) -> str:
    heads = ["`resnet_gan`", "images/s", "straightforward, images/s", "times as fast", "least to most"]
    cells = [
        [
            row["profile"],
            f"{row['images_per_second']:.1f}",
            f"{row['images_per_second_plain']:.1f}",
            f"{row['ratio']:.2f}",
            f"{row['ratio_least']:.2f} to {row['ratio_most']:.2f}",
        ]
        for row in rows
    ]
    return table(heads, cells)


def _memory(rows: Sequence[Mapping[str, object]]) -> str:
    heads = ["family", "batch", "saved for backward, GB", "weights, gradients, Adam, average, GB", "together, GB"]
    cells = [
        [
            f"`{row['family']}`",
            str(row["batch_size"]),
            f"{row['bytes_saved'] / 1e9:.2f}",
            f"{row['bytes_held'] / 1e9:.2f}",
            f"{row['bytes'] / 1e9:.2f}",
        ]
        for row in rows
    ]
    return table(heads, cells)


def _start(row: Mapping[str, object]) -> str:
    cells = [
        ["`python -m src --help`, s", f"{row['help_seconds']:.2f}"],
        ["first portrait after pressing return, s", f"{row['first_portrait_seconds']:.2f}"],
        [f"{row['many']} portraits with start, s", f"{row['many_seconds']:.1f}"],
        ["portraits a second once started", f"{row['portraits_per_second']:.0f}"],
    ]
    return table([f"`{row['family']}`, profile `{row['profile']}`", "median"], cells)
