"""All families on one data set within one budget: train, evaluate, and put them on one page.

Every family trains in a process of its own, so the memory in the table is its own and a crash ends nobody else's run.
Run again with the same folder, a comparison goes on: what is finished is kept, what is not is resumed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from src.config import load_config
from src.data.packed import PackedPortraits
from src.device import default_profile, pick_device
from src.errors import InputError
from src.evaluation.evaluator import Evaluator
from src.experiments.compare_pictures import loss_curves, real_grid, sample_grid, write_family_pictures, write_overview
from src.experiments.compare_table import Row, markdown_table, table_columns
from src.experiments.markdown_tables import REALS
from src.experiments.runs import CHUNK, Outcome, measure_family, sample_like_validation, train_run
from src.families import FAMILIES, find_family
from src.files import write_text
from src.sampling import LoadedModel, load_model
from src.schema import TrainingConfig
from src.tables import read_json, write_json, write_table
from src.training.checkpoint import file_hash
from src.training.log import beside, duration, read_metrics
from src.training.own_process import DIVERGED, EARLY, FAILED, INTERRUPTED, TRAINED

Log = Callable[[str], None]

EVALUATED, SAMPLING_SECONDS = 1000, 120.0
"""The most samples of a family: so many, or as many as it samples in the time."""

REPORTS, GRIDS = 25, 2
"""A run is reported so often, for curves with enough points. Grids only before, in the middle and at the end: a family
that needs many steps a portrait would otherwise spend its time on sampling."""


Setting = bool | int | float | str


def _complete(row: Row) -> Row:
    if not {"family", "status"} <= row.keys():
        raise ValueError("a row needs its family and its status")
    return row


class Entry(TypedDict, total=False):
    """What is known of one family."""

    settings: dict[str, Setting]
    images_per_second: Annotated[float, Field(gt=0)]
    parameters: dict[str, int]
    kimg: Annotated[float, Field(gt=0)]
    peak_memory_bytes: int
    finished: dict[str, float | str | None]
    row: Annotated[dict[str, Setting | None], AfterValidator(_complete)]


class _Terms(TypedDict):
    data_fingerprint: str
    profile: str
    seed: int
    families: dict[str, Entry]


class Record(_Terms, total=False):
    """`compare.json`: the terms of a comparison, its families so far, and the row of the real portraits."""

    reals: dict[str, Setting | None]


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
    """Train families one after the other on the same portraits with the same budget, evaluate them, write the page.

    The page is `compare.csv`, `compare.json`, `compare.md`, `compare.png`, `curves.png` and `grids/`; an interrupt
    leaves one of what there is. A family that diverges or fails has a row with the reason.

    Args:
        data: folder with `portraits.npz`.
        out: folder of the comparison; each family's run lies in a folder of its name.
        families: names of `FAMILIES`; None is all of them.
        profile: `smoke`, `cpu` or `rtx2070`; None is by the hardware.
        minutes: of training a family, without its grids and the evaluation; turned into kimg by the speed of a few
            steps, measured once, so that a comparison that is resumed keeps to the same number.
        kimg: length instead of time. With neither, each family has the length it had here before, else its profile's.
        seed: of every run.
        overrides: settings by name, by family, that replace the profile's.
        log: takes the status lines.

    Returns:
        The rows of the table, the families' in the order of `FAMILIES`, then the real portraits'.

    Raises:
        InputError: bad arguments or data, or a folder that holds a comparison on other terms.
        KeyboardInterrupt: after the family in training has saved its state and the page is written.
    """
    out = Path(out)
    log = beside(out.parent, log)
    names = list(FAMILIES if families is None else families)
    if not names:
        raise InputError(f"no family is named; choose from: {', '.join(FAMILIES)}")
    for name in [*names, *(overrides or {})]:
        find_family(name)
    for what, value in (("minutes", minutes), ("kimg", kimg)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{what} must be positive, not {value}")
    if minutes is not None and kimg is not None:
        raise InputError("give the budget as minutes or as kimg, not both")
    evaluator = Evaluator(data, log=log)
    record = _open_record(out, evaluator.packed, profile, seed)
    comparison = _Comparison(evaluator, out, record, log)
    # All settings are looked at before the first family trains.
    configs = {name: comparison.config(name, (overrides or {}).get(name, {})) for name in names}
    try:
        for name, (config, settings) in configs.items():
            comparison.bring_up_to_date(name, config, settings, minutes, kimg)
    finally:
        comparison.write_pictures()
    return comparison.rows()


def _open_record(out: Path, portraits: PackedPortraits, profile: str | None, seed: int) -> Record:
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
    if not path.exists():
        return fresh
    record = read_json(path, Record, "choose another --out")
    if profile is None:
        fresh["profile"] = record["profile"]
    for name in ("data_fingerprint", "profile", "seed"):
        if record[name] != fresh[name]:
            raise InputError(
                f"{path} belongs to a comparison with {name} {record[name]}, not {fresh[name]}; choose another --out"
            )
    return record


class _Comparison:
    """A comparison's folder and what is known of it so far."""

    def __init__(self, evaluator: Evaluator, out: Path, record: Record, log: Log) -> None:
        self.evaluator, self.portraits = evaluator, evaluator.packed
        self.out, self.record, self.log = out, record, log

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
        """Train the family as far as the budget goes, evaluate it, and write the page."""
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
        if "row" in entry and entry.get("finished") == self._signature(name):
            self.log(f"{entry['row']['status']} before: kept")
            return
        self._write_record()
        seconds = entry["kimg"] * 1000 / entry["images_per_second"]
        self.log(f"{entry['kimg']:g} kimg, about {duration(seconds)} of training")
        outcome = self._train(name, settings)
        entry["peak_memory_bytes"] = max(outcome.peak_memory_bytes, entry.get("peak_memory_bytes", 0))
        self._finish(name, outcome)
        if outcome.status == INTERRUPTED:
            raise KeyboardInterrupt

    def rows(self) -> list[Row]:
        """The table: the families in the order of the registry, then the real portraits where they were evaluated."""
        entries = self.record["families"]
        rows = [entries[name]["row"] for name in FAMILIES if "row" in entries.get(name, {})]
        return rows + ([self.record["reals"]] if "reals" in self.record else [])

    def _train(self, name: str, settings: Mapping[str, object]) -> Outcome:
        kimg = self.record["families"][name]["kimg"]
        reporting = {"log_kimg": kimg / REPORTS, "sample_kimg": kimg / GRIDS, "checkpoint_kimg": kimg / GRIDS}
        overrides = {**reporting, **settings, "kimg": kimg}
        return train_run(self.evaluator.data, self.out / name, name, self.record["profile"], overrides, self.log)

    def _finish(self, name: str, outcome: Outcome) -> None:
        """The family's row, from what its run has left, and the page."""
        entry = self.record["families"][name]
        row: Row = {"family": name, "status": outcome.status, "note": outcome.note}
        row |= cost_of(self.out / name / "metrics.csv")
        row["parameters"] = sum(entry.get("parameters", {}).values()) or None
        row["peak_memory_gb"] = entry.get("peak_memory_bytes", 0) / 2**30 or None
        checkpoint = self._checkpoint(name)
        if checkpoint.is_file() and outcome.status != INTERRUPTED:
            row |= self._evaluated(name, load_model(checkpoint))
        if outcome.status in (TRAINED, EARLY, DIVERGED):
            entry["finished"] = self._signature(name)
        entry["row"] = row
        self._write_record()

    def _evaluated(self, name: str, model: LoadedModel) -> Row:
        """Show the family's grid, sample, and measure the samples."""
        if model.family.cannot_sample:
            return {"note": model.family.cannot_sample}
        evaluator, seed = self.evaluator, self.record["seed"]
        most = min(EVALUATED, len(evaluator.real))
        if "reals" not in self.record:
            metrics = {metric: each.value for metric, each in evaluator.real_metrics(most).items()}
            self.record["reals"] = {"family": REALS, "evaluated": most, **metrics}
        write_family_pictures(self.out, name, *sample_grid(model, self.portraits, seed))
        samples, seconds = sample_like_validation(model, evaluator, seed, most, SAMPLING_SECONDS)
        self.log(f"{len(samples)} samples, {seconds:.2g} s for {CHUNK}; evaluating them")
        # Labels that a family is not conditioned on were not requested of it.
        foreign = {
            f"accuracy_{attribute}"
            for attribute in evaluator.specification.names
            if attribute not in model.labels.names
        }
        metrics = {metric: each.value for metric, each in evaluator.metrics(samples).items() if metric not in foreign}
        # A distance depends on the count.
        as_many = evaluator.real_metrics(len(samples))["frechet_random"].value
        return {"seconds_to_sample_64": seconds, "evaluated": len(samples), **metrics, "frechet_reals": as_many}

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
        write_text(self.out / "compare.md", markdown_table(rows))

    def write_pictures(self) -> None:
        """The overview and the curves, of the families that have left something to show."""
        write_family_pictures(self.out, "reals", *real_grid(self.portraits, self.record["seed"]))
        sampled = [name for name in FAMILIES if (self.out / "strips" / f"{name}.png").is_file()]
        write_overview(self.out, ["reals", *sampled])
        metrics = {name: path for name in FAMILIES if (path := self.out / name / "metrics.csv").is_file()}
        if metrics:
            loss_curves(metrics).savefig(self.out / "curves.png", dpi=110)


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
