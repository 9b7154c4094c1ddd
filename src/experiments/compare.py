"""All families on one data set within one budget: train, judge, and put them on one page.

Every family trains in a process of its own, so the memory in the table is its own and a crash ends nobody else's run.
Run again with the same folder, a comparison goes on: what is finished is kept, what is not is resumed.
"""

from __future__ import annotations

import functools
import json
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import nn

from src.config import TrainingConfig, load_config
from src.data.packed import TRAIN, PackedPortraits, PortraitBatches, condition_names, describe, load_portraits
from src.device import default_profile, pick_device
from src.errors import InputError
from src.experiments.compare_pictures import draw_grid, loss_curves, real_grid, write_family_pictures, write_overview
from src.experiments.compare_quality import CHUNK, Evaluator, sample_like_the_reals
from src.families import FAMILIES, find_family
from src.files import replacing
from src.sampling import LoadedModel, load_model
from src.tables import write_json, write_table
from src.training.apart import DIVERGED, EARLY, FAILED, INTERRUPTED, TRAINED, train_apart
from src.training.checkpoint import file_hash
from src.training.estimate import measure
from src.training.log import duration, read_metrics

Row = dict[str, object]
Log = Callable[[str], None]

# A run is reported so often, for curves with enough points. Grids only before, in the middle and at the end: a
# family that needs many steps a portrait would otherwise spend its time on drawing.
REPORTS, GRIDS = 25, 2

# What the findings speak of: a column, 1 where less is better and -1 where more is, and what it is in words.
MEASURES = (
    ("frechet_times_reals", 1, "Nearest to the training portraits (Fréchet distance, times that of as many real ones)"),
    ("coverage", -1, "Most of the training portraits have a sample near them (coverage)"),
    ("recall", -1, "Widest: training portraits that lie among the samples (recall)"),
    ("copies_share", 1, "Fewest samples that copy a training portrait"),
    ("colours_median", 1, "Fewest colours a sample"),
    ("seconds_per_kimg", 1, "Quickest to train, seconds a kimg"),
    ("seconds_to_draw_64", 1, "Quickest to draw, seconds for 64 samples"),
)

HEADINGS = {
    "family": "family",
    "status": "state",
    "kimg": "kimg",
    "training_minutes": "minutes",
    "parameters": "parameters",
    "seconds_per_kimg": "s a kimg",
    "peak_memory_gb": "memory, GB",
    "seconds_to_draw_64": "s for 64",
    "evaluated": "evaluated",
}
"""Columns that every comparison has, by their names in `compare.csv`; the quality measures follow them."""


def compare(
    data: Path,
    out: Path,
    families: Sequence[str] | None = None,
    profile: str | None = None,
    minutes: float | None = None,
    kimg: float | None = None,
    seed: int = 0,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    log: Log = print,
) -> list[Row]:
    """Train families one after the other on the same portraits with the same budget, judge them, write the page.

    The page is `compare.csv`, `compare.json`, `compare.md`, `compare.png`, `curves.png` and `grids/`; an interrupt
    leaves one of what there is. A family that diverges or fails has a row that says so.

    Args:
        data: folder with `portraits.npz`.
        out: folder of the comparison; each family's run lies in a folder of its name.
        families: names of `FAMILIES`; None is all of them.
        profile: `smoke`, `cpu` or `rtx2070`; None is by the hardware.
        minutes: of training a family, without its grids and the judging; turned into kimg by the speed of a few
            steps, measured once, so that a comparison that is resumed keeps to the same number.
        kimg: length instead of time. With neither, each family has the length it had here before, else its profile's.
        seed: of every run.
        overrides: settings by name, by family, that replace the profile's.
        say: takes the status lines.

    Returns:
        The rows of the table, the families' in the order of `FAMILIES`, then the real portraits'.

    Raises:
        InputError: bad arguments or data, or a folder that holds a comparison on other terms.
        KeyboardInterrupt: after the family in training has saved its state and the page is written.
    """
    out = Path(out)
    names = list(FAMILIES if families is None else families)
    for name in [*names, *(overrides or {})]:
        find_family(name)
    for what, value in (("minutes", minutes), ("kimg", kimg)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{what} must be positive, not {value}")
    if minutes is not None and kimg is not None:
        raise InputError("give the budget as minutes or as kimg, not both")
    portraits = load_portraits(data)
    record = _open_record(out, portraits, profile, seed)
    comparison = _Comparison(Path(data), out, portraits, record, log)
    # All settings are looked at before the first family trains.
    configs = {name: comparison.config(name, (overrides or {}).get(name, {})) for name in names}
    try:
        for name, (config, settings) in configs.items():
            comparison.bring_up_to_date(name, config, settings, minutes, kimg)
    finally:
        comparison.write_pictures()
    return comparison.rows()


def _open_record(out: Path, portraits: PackedPortraits, profile: str | None, seed: int) -> dict:
    """What `compare.json` holds, or the beginning of it; a folder is used on one set of terms only.

    Raises:
        InputError: the folder's comparison had other data, another profile or another seed.
    """
    path = out / "compare.json"
    fresh = {
        "data_fingerprint": portraits.fingerprint,
        "profile": profile or default_profile(pick_device()),
        "seed": seed,
        "families": {},
    }
    if not path.is_file():
        return fresh
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before = {name: record[name] for name in fresh}
    except (json.JSONDecodeError, KeyError, TypeError):
        raise InputError(f"{path} is no record of a comparison; choose another --out") from None
    if profile is None:
        fresh["profile"] = before["profile"]
    for name in ("data_fingerprint", "profile", "seed"):
        if before[name] != fresh[name]:
            raise InputError(
                f"{path} belongs to a comparison with {name} {before[name]}, not {fresh[name]}; choose another --out"
            )
    return record


class _Comparison:
    """A comparison's folder and what is known of it so far."""

    def __init__(self, data: Path, out: Path, portraits: PackedPortraits, record: dict, log: Log) -> None:
        self.data, self.out, self.portraits, self.record, self.log = data, out, portraits, record, log

    @functools.cached_property
    def evaluator(self) -> Evaluator:
        """Made when the first family is to be judged: it learns to read labels first, a minute or two on a CPU."""
        self.log("training the evaluators")
        return Evaluator(self.portraits)

    def config(self, name: str, changes: Mapping[str, object]) -> tuple[TrainingConfig, dict[str, object]]:
        """The family's configuration, and the settings that lead to it from its profile."""
        settings = {"seed": self.record["seed"], **changes}
        before = self.record["families"].get(name, {}).get("settings", settings)
        if before != settings:
            raise InputError(f"{name} was trained here with {before}, not {settings}; choose another --out")
        return load_config(name, self.record["profile"], overrides=settings), settings

    def bring_up_to_date(
        self,
        name: str,
        config: TrainingConfig,
        settings: Mapping[str, object],
        minutes: float | None,
        kimg: float | None,
    ) -> None:
        """Train the family as far as the budget goes, judge it, and write the page."""
        self.log(f"--- {name}")
        entry = self.record["families"].setdefault(name, {})
        entry["settings"] = dict(settings)
        if "images_per_second" not in entry:
            try:
                entry |= measure_family(name, config, self.portraits)
                if minutes is not None:
                    # Once more over the length that the first measurement allows: a family that trains one network
                    # after another has another speed in a shorter run.
                    affordable = _affordable(config, minutes, entry["images_per_second"])
                    shorter = config.model_copy(update={"kimg": affordable})
                    entry |= measure_family(name, shorter, self.portraits)
            except ValueError as error:
                entry["row"] = {"family": name, "status": FAILED, "note": str(error).splitlines()[0]}
                self._write_record()
                return
        if minutes is not None:
            kimg = _affordable(config, minutes, entry["images_per_second"])
        entry["kimg"] = kimg or entry.get("kimg") or config.kimg
        if entry.get("finished") == self._signature(name):
            self.log(f"{entry['row']['status']} before: kept")
            return
        self._write_record()
        seconds = entry["kimg"] * 1000 / entry["images_per_second"]
        self.log(f"{entry['kimg']:g} kimg, about {duration(seconds)} of training")
        outcome = self._train(name, settings)
        entry["peak_memory_bytes"] = max(outcome["peak_memory_bytes"], entry.get("peak_memory_bytes", 0))
        self._finish(name, {"status": outcome["status"], "note": outcome["note"]})
        if outcome["status"] == INTERRUPTED:
            raise KeyboardInterrupt

    def rows(self) -> list[Row]:
        """The table: the families in the order of the registry, then the real portraits where they were judged."""
        entries = self.record["families"]
        rows = [entries[name]["row"] for name in FAMILIES if "row" in entries.get(name, {})]
        return rows + ([self.record["reals"]] if "reals" in self.record else [])

    def _train(self, name: str, settings: Mapping[str, object]) -> dict[str, object]:
        """Run the family's training in a process of its own."""
        kimg = self.record["families"][name]["kimg"]
        reporting = {"log_kimg": kimg / REPORTS, "sample_kimg": kimg / GRIDS, "checkpoint_kimg": kimg / GRIDS}
        job = {
            "data": str(self.data),
            "out": str(self.out / name),
            "family": name,
            "profile": self.record["profile"],
            "overrides": {**reporting, **settings, "kimg": kimg},
        }
        return train_apart(job, self.log)

    def _finish(self, name: str, state: Row) -> None:
        """The family's row, from what its run has left, and the page."""
        entry = self.record["families"][name]
        # The page may be passed on: no path of this machine in it.
        state = {**state, "note": state["note"].replace(str(self.out) + os.sep, "")}
        if state["note"]:
            self.log(f"{name}: {state['note']}")
        row: Row = {"family": name, **state, **cost_of(self.out / name / "metrics.csv")}
        row["parameters"] = sum(entry.get("parameters", {}).values()) or None
        row["peak_memory_gb"] = entry.get("peak_memory_bytes", 0) / 2**30 or None
        checkpoint = self._checkpoint(name)
        if checkpoint.is_file() and state["status"] != INTERRUPTED:
            row |= self._evaluated(name, load_model(checkpoint))
        if state["status"] in (TRAINED, EARLY, DIVERGED):
            entry["finished"] = self._signature(name)
        entry["row"] = row
        self._write_record()

    def _evaluated(self, name: str, model: LoadedModel) -> Row:
        """Draw the family's grid and samples, and say how good they are."""
        if model.family.cannot_sample:
            return {"note": model.family.cannot_sample}
        if "reals" not in self.record:
            ceiling = self.evaluator.ceiling()
            self.record["reals"] = {"family": "unseen reals", "evaluated": len(self.evaluator.unseen), **ceiling}
        write_family_pictures(self.out, name, *draw_grid(model, self.portraits, self.record["seed"]))
        samples, labels, seconds = sample_like_the_reals(
            model, self.portraits, self.evaluator.count, self.record["seed"]
        )
        self.log(f"{len(samples)} samples drawn, {seconds:.2g} s for {CHUNK}; judging them")
        quality = self.evaluator.quality_of(samples, labels, model.labels.names)
        return {"seconds_to_draw_64": seconds, "evaluated": len(samples), **quality}

    def _checkpoint(self, name: str) -> Path:
        return self.out / name / "checkpoints" / "latest.pt"

    def _signature(self, name: str) -> dict[str, object]:
        """What a finished run is known by: its budget and its last checkpoint."""
        checkpoint = self._checkpoint(name)
        return {
            "kimg": self.record["families"][name].get("kimg"),
            "checkpoint": file_hash(checkpoint) if checkpoint.is_file() else None,
        }

    def _write_record(self) -> None:
        write_json(self.out / "compare.json", self.record)
        rows = self.rows()
        write_table(self.out / "compare.csv", table_columns(rows), rows)
        with replacing(self.out / "compare.md") as temporary:
            temporary.write_text(markdown_table(rows), encoding="utf-8")

    def write_pictures(self) -> None:
        """The overview and the curves, of the families that have left something to show."""
        write_family_pictures(self.out, "reals", *real_grid(self.portraits, self.record["seed"]))
        sampled = [name for name in FAMILIES if (self.out / "strips" / f"{name}.png").is_file()]
        write_overview(self.out, ["reals", *sampled])
        metrics = {name: path for name in FAMILIES if (path := self.out / name / "metrics.csv").is_file()}
        if metrics:
            loss_curves(metrics).savefig(self.out / "curves.png", dpi=110)


def measure_family(name: str, config: TrainingConfig, portraits: PackedPortraits) -> dict[str, object]:
    """Speed and size of a family on these data: a few steps on throw-away networks.

    Returns:
        `images_per_second`, and `parameters`: how many numbers training changes, by network.

    Raises:
        ValueError: the settings and the data make no network.
    """
    family_class, device = find_family(name), pick_device()
    conditions = condition_names(config.condition_on, portraits.specification) if family_class.conditional else ()
    known = portraits.conditioned_on(conditions)
    specification = describe(known)
    networks = family_class(config, specification, device).networks
    parameters = {network: count_parameters(module) for network, module in networks.items()}
    speed = measure(family_class, config, specification, PortraitBatches(known, TRAIN, device)).images_per_second
    return {"images_per_second": speed, "parameters": parameters}


def count_parameters(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def _affordable(config: TrainingConfig, minutes: float, images_per_second: float) -> float:
    """The time budget in kimg, three digits of it, at least one batch."""
    return max(float(f"{minutes * 60 * images_per_second / 1000:.3g}"), config.batch_size / 1000)


def cost_of(metrics: Path) -> Row:
    """What a run took, from its `metrics.csv`: kimg seen, minutes of training, and the median of seconds a kimg.

    Speeds there are those of training alone: the time for grids and checkpoints is not in them.
    """
    rows = [row for row in read_metrics(metrics) if row.get("images_per_second")]
    if not rows:
        return {}
    seconds = [1000 / row["images_per_second"] for row in rows]
    before = [0.0, *(row["kimg"] for row in rows)]
    spent = sum((row["kimg"] - start) * cost for row, start, cost in zip(rows, before, seconds, strict=False))
    return {
        "kimg": rows[-1]["kimg"],
        "training_minutes": spent / 60,
        "seconds_per_kimg": statistics.median(seconds),
    }


def table_columns(rows: Sequence[Row]) -> list[str]:
    """The columns of `compare.csv`: those of every comparison, the measures in the order they come, the note."""
    measures = dict.fromkeys(name for row in rows for name in row if name not in HEADINGS and name != "note")
    return [*HEADINGS, *measures, "note"]


def markdown_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, numbers to three digits; notes below it."""
    columns = [
        name for name in table_columns(rows) if name != "note" and any(row.get(name) is not None for row in rows)
    ]
    headings = [HEADINGS.get(name, name.replace("_", " ")) for name in columns]
    lines = [headings, ["---" if name in ("family", "status") else "---:" for name in columns]]
    lines += [[_cell(row.get(name)) for name in columns] for row in rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = [f"- {row['family']}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join([table, *(["", *notes] if notes else [])]) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and value >= 1_000_000:
        return f"{value / 1e6:.3g} M"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def findings(rows: Sequence[Row]) -> list[str]:
    """What the table says, in sentences: what is best at what, beside the real portraits; who did not finish.

    Args:
        rows: of `compare`.
    """
    # A distance depends on how many samples it is taken from: families are ranked beside as many unseen reals.
    rows = [dict(row) for row in rows]
    for row in rows:
        if row.get("frechet_reals"):
            row["frechet_times_reals"] = row["frechet_random"] / row["frechet_reals"]
    families = [row for row in rows if row["family"] in FAMILIES]
    reals = next((row for row in rows if row["family"] not in FAMILIES), {})
    said = []
    for column, sign, meaning in MEASURES:
        ranking = ", ".join(f"{row['family']} ({_cell(row[column])})" for row in _ranked(families, column, sign))
        if ranking:
            real = f"; real portraits that were held out have {_cell(reals[column])}" if column in reals else ""
            said.append(f"{meaning}: {ranking}{real}.")
    for column in dict.fromkeys(name for row in families for name in row if name.startswith("accuracy_")):
        ranking = ", ".join(f"{row['family']} ({row[column]:.0%})" for row in _ranked(families, column, -1))
        real = f"; of real portraits it reads {reals[column]:.0%}" if column in reals else ""
        asked = column.removeprefix("accuracy_")
        said.append(f"Share of samples in which a classifier reads the {asked} asked for: {ranking}{real}.")
    said += [
        f"{row['family']} {row['status']}: {row['note']}." for row in families if row["status"] not in (TRAINED, EARLY)
    ]
    return said


def _ranked(rows: Sequence[Row], column: str, sign: int) -> list[Row]:
    """The rows that have a value in the column, the smallest first, or with sign -1 the largest."""
    return sorted((row for row in rows if row.get(column) is not None), key=lambda row: sign * row[column])
