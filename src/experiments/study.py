"""Runs the grid: trains and evaluates whatever is left, in an order in which stopping early costs least, and redraws
the tables after every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from src.config import config_from_checkpoint, differences, load_config, settings_in
from src.data.packed import PackedPortraits
from src.device import default_profile, pick_device
from src.errors import InputError
from src.evaluation.evaluator import FEWEST, Evaluator, Metrics
from src.experiments.runs import load_raw_model, measure_family, sample_like_validation, train_run, write_subset
from src.experiments.study_results import (
    Run,
    StudyResults,
    Terms,
    read_results,
    read_run,
    read_terms,
    run_file,
    run_folder,
)
from src.experiments.study_rows import Row, find_rows, is_possible, settings_of
from src.experiments.study_tables import write_tables
from src.families import DEFAULT_FAMILY
from src.sampling import load_model
from src.schema import TrainingConfig
from src.tables import write_json
from src.training.log import beside, duration, read_metrics
from src.training.own_process import EARLY, INTERRUPTED, TRAINED

SEEDS = (0, 1)
COUNT = 1000
EVALUATION_MINUTES = 1.0
"""What evaluating a run is reckoned at, on two cores."""


def study(
    data: Path,
    out: Path,
    rows: Sequence[str] | None = None,
    seeds: Sequence[int] = SEEDS,
    kimg: float | None = None,
    profile: str | None = None,
    count: int | None = None,
    log: Callable[[str], None] = print,
) -> StudyResults:
    """Train and evaluate what is left of the grid, and redraw the tables.

    Breadth first: all rows with the first seed, then all with the next. A finished run is kept, an interrupted one goes
    on, one that diverges is a finding, and one that fails is tried again the next time. With a larger `kimg` than
    before every run is trained on and evaluated again.

    Args:
        data: folder with `portraits.npz`.
        out: the study's folder: gets `study.md`, `study.csv`, `study.json`, `runs/`, smaller data sets.
        rows: names of `ROWS`; those they are compared with are run too. None: all.
        seeds: of the runs.
        kimg: length of every run; None: as before in this folder, else the profile's of the base row.
        profile: `smoke`, `cpu` or `rtx2070`; None: as before in this folder, else by the hardware.
        count: the most samples to evaluate a run; None: as before in this folder, else 1000.
        log: takes the status lines.

    Returns:
        All that the folder holds.

    Raises:
        InputError: bad arguments or data, or a folder that holds a study on other terms.
        KeyboardInterrupt: after the run in training has saved its state and the tables are drawn.
    """
    out = Path(out)
    log = beside(out.parent, log)
    chosen = find_rows(rows)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(f"seeds must be different numbers of at least 0, not {', '.join(map(str, seeds)) or 'none'}")
    evaluator = Evaluator(data, log=log)
    specification = evaluator.specification
    terms = _agree(out, evaluator.packed, kimg, profile, count)
    grid = _Grid(evaluator, out, terms, log)
    for row in chosen:
        if not is_possible(row, specification):
            log(f"{row.name} is left out: these data have no {row.without}")
    plan = [(row, seed) for seed in seeds for row in chosen if is_possible(row, specification)]
    for row, seed in plan:
        grid.check(row, seed)
    read_results(out, terms)  # what is damaged shows before anything is trained
    write_json(out / "terms.json", asdict(terms))
    try:
        grid.announce(plan)
        for number, (row, seed) in enumerate(plan, start=1):
            grid.bring_up_to_date(row, seed, f"{number} of {len(plan)}")
    finally:
        results = read_results(out)
        write_tables(out, results)
    return results


def _agree(out: Path, portraits: PackedPortraits, kimg: float | None, profile: str | None, count: int | None) -> Terms:
    """The study's terms: what was asked for, else what the folder had before, else what is usual."""
    if kimg is not None and not 0 < kimg < 2**32:
        raise InputError(f"kimg must be positive, not {kimg}")
    if count is not None and count < FEWEST:
        raise InputError(f"the number of samples to evaluate must be at least {FEWEST}, not {count}")
    before = read_terms(out)
    if before is None:
        profile = profile or default_profile(pick_device())
        usual = load_config(DEFAULT_FAMILY, profile).kimg
        return Terms(portraits.fingerprint, profile, float(kimg or usual), count or COUNT)
    now = Terms(portraits.fingerprint, profile or before.profile, float(kimg or before.kimg), count or before.count)
    for name in ("data_fingerprint", "profile", "count"):
        then, asked = getattr(before, name), getattr(now, name)
        if then != asked:
            raise InputError(f"{out} holds a study with {name} {then}, not {asked}; choose another --out")
    if now.kimg < before.kimg:
        raise InputError(f"{out} holds a study of {before.kimg:g} kimg, more than {now.kimg:g}; choose another --out")
    return now


class _Grid:
    """The study's folder, and how a run in it comes about."""

    def __init__(self, evaluator: Evaluator, out: Path, terms: Terms, log: Callable[[str], None]) -> None:
        self.evaluator, self.portraits = evaluator, evaluator.packed
        self.out, self.terms, self.log = out, terms, log

    @cached_property
    def count(self) -> int:
        """How many samples of a run are evaluated. The ceiling at that count is written with it, before the first."""
        count = min(self.terms.count, len(self.evaluator.real))
        metrics = self.evaluator.real_metrics(count)
        write_json(self.out / "ceiling.json", {name: asdict(metric) for name, metric in metrics.items()})
        return count

    def check(self, row: Row, seed: int) -> None:
        """Refuse a run whose settings are none, or that was begun with others.

        Raises:
            InputError: either.
        """
        config = self._config(row, seed)
        path = run_folder(self.out, row, seed) / "config.json"
        if path.exists():
            before = config_from_checkpoint(row.family, settings_in(path, row.family, self.terms.profile))
            if changed := differences(before, config):
                raise InputError(f"{path.parent} was trained with other settings ({changed[0]}); choose another --out")

    def is_over(self, row: Row, seed: int) -> bool:
        """Whether the run was trained to the study's length and evaluated, or diverged."""
        run = read_run(run_file(self.out, row.name, seed))
        return run is not None and run.kimg == self.terms.kimg and not run.failed

    def announce(self, plan: Sequence[tuple[Row, int]]) -> None:
        """Log how much is left and how long it will take, by the speed of a few steps of each family."""
        left = [(row, seed) for row, seed in plan if not self.is_over(row, seed)]
        self.log(f"{len(plan) - len(left)} of {len(plan)} runs are finished; each is {self.terms.kimg:g} kimg")
        if not left:
            return
        speeds: dict[str, float] = {}
        seconds = 60 * EVALUATION_MINUTES * len(left)
        for row, seed in left:
            if row.raw_weights_of:
                continue
            if row.family not in speeds:
                config = self._config(row, seed)
                speeds[row.family] = measure_family(row.family, config, self.portraits)["images_per_second"]
            rows = read_metrics(run_folder(self.out, row, seed) / "metrics.csv")
            done = rows[-1]["kimg"] if rows else 0.0
            seconds += max(0.0, self.terms.kimg - done) * 1000 / speeds[row.family]
        self.log(f"{len(left)} runs are left: about {duration(seconds)}")

    def bring_up_to_date(self, row: Row, seed: int, place: str) -> None:
        """Train the run as far as it has to go, evaluate it, and redraw the tables; nothing for a finished one."""
        if self.is_over(row, seed):
            return
        self.log(f"--- {place}: {row.name}, seed {seed} ({row.changes})")
        status, note = self._train(row, seed)
        metrics = self._evaluate(row, seed) if status in (TRAINED, EARLY) else {}
        settings = settings_of(row, self.terms.profile, self.portraits.specification)
        Run(row.name, seed, self.terms.kimg, settings, status, note, metrics).write(self.out)
        write_tables(self.out, read_results(self.out))

    def _train(self, row: Row, seed: int) -> tuple[str, str]:
        """Train, or go on; returns how it ended and, of a run that was not trained to its end, why."""
        if row.raw_weights_of:
            run = read_run(run_file(self.out, row.raw_weights_of, seed))
            return run.status, run.note
        data = self.evaluator.data
        if row.share < 1:
            data = write_subset(data, self.out / f"data_{row.name}", row.share)
        folder, overrides = run_folder(self.out, row, seed), self._overrides(row, seed)
        outcome = train_run(data, folder, row.family, self.terms.profile, overrides, self.log)
        if outcome.status == INTERRUPTED:
            raise KeyboardInterrupt
        return outcome.status, outcome.note

    def _evaluate(self, row: Row, seed: int) -> Metrics:
        started = time.monotonic()
        checkpoint = run_folder(self.out, row, seed) / "checkpoints" / "latest.pt"
        model = load_raw_model(checkpoint) if row.raw_weights_of else load_model(checkpoint)
        samples, _ = sample_like_validation(model, self.evaluator, seed, self.count)
        metrics = self.evaluator.metrics(samples)
        self.log(f"evaluated in {duration(time.monotonic() - started)}")
        return metrics

    def _config(self, row: Row, seed: int) -> TrainingConfig:
        return load_config(row.family, self.terms.profile, overrides=self._overrides(row, seed))

    def _overrides(self, row: Row, seed: int) -> dict[str, object]:
        """All that differs from the profile. One checkpoint a run is enough: nobody goes back in a study."""
        settings = settings_of(row, self.terms.profile, self.portraits.specification)
        return {"keep_checkpoints": 1, **settings, "seed": seed, "kimg": self.terms.kimg}
