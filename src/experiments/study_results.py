"""What a study's folder holds so far: its terms, the evaluated runs, the ceiling.

Read from files, so that a study that was interrupted, and a notebook that only shows, see the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from src.errors import InputError
from src.evaluation.distances import Metric
from src.experiments.study_rows import ROWS, Row
from src.tables import read_json, write_json
from src.training.own_process import DIVERGED, FAILED


@dataclass(frozen=True)
class Terms:
    """What all runs of a study have in common.

    Args:
        data_fingerprint: of the whole data set.
        profile: `smoke`, `cpu` or `rtx2070`.
        kimg: length of every run.
        count: the most samples evaluated a run.
    """

    data_fingerprint: str
    profile: str
    kimg: Annotated[float, Field(gt=0)]
    count: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Run:
    """A run that is over.

    Args:
        row: name of its row.
        seed: of the run.
        kimg: its length.
        settings: those of the row.
        status: one of the words of `src.training.own_process`.
        note: of a run that diverged or failed, what happened when.
        metrics: by name; their spread is that of the sampling within this run. None of a diverged or failed run.
    """

    row: str
    seed: int
    kimg: float
    settings: Mapping[str, object]
    status: str
    note: str
    metrics: Mapping[str, Metric]

    @property
    def diverged(self) -> bool:
        """Its losses were no numbers any more."""
        return self.status == DIVERGED

    @property
    def failed(self) -> bool:
        """It broke off for a reason that has nothing to do with the recipe."""
        return self.status == FAILED

    def write(self, out: Path) -> None:
        """Keep it in its place below the study's folder."""
        write_json(run_file(out, self.row, self.seed), asdict(self))


@dataclass(frozen=True)
class StudyResults:
    """All there is.

    Args:
        terms: of the study.
        ceiling: the metrics of validation portraits.
        runs: name of the row -> its runs by seed; rows without any are left out.
    """

    terms: Terms
    ceiling: Mapping[str, Metric]
    runs: Mapping[str, tuple[Run, ...]]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of all metrics, in the evaluator's order."""
        sets = [self.ceiling, *(run.metrics for runs in self.runs.values() for run in runs)]
        return tuple(dict.fromkeys(name for metrics in sets for name in metrics))

    def metrics(self, row: str, measure: str) -> list[Metric]:
        """One a run of the row that was evaluated."""
        return [run.metrics[measure] for run in self.runs.get(row, ()) if measure in run.metrics]

    def seed_deviation(self, row: str, measure: str) -> float | None:
        """Standard deviation over the seeds of a row; None with fewer than two."""
        values = [each.value for each in self.metrics(row, measure)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def typical_deviation(self, measure: str) -> float:
        """The median of the rows' deviations over seeds; 0 where no row has two seeds. Raw weights are no runs of
        their own and do not count."""
        rows = [row.name for row in ROWS if not row.raw_weights_of]
        deviations = [self.seed_deviation(row, measure) for row in rows]
        known = [deviation for deviation in deviations if deviation is not None]
        return float(np.median(known)) if known else 0.0


def run_folder(out: Path, row: Row, seed: int) -> Path:
    """Where a row is trained with a seed: `runs/ROW_seedK`, or the folder of the row whose weights it borrows."""
    return Path(out) / "runs" / f"{row.raw_weights_of or row.name}_seed{seed}"


def run_file(out: Path, row: str, seed: int) -> Path:
    """Where what was found about a run is kept: beside its folder."""
    return Path(out) / "runs" / f"{row}_seed{seed}.json"


def read_run(path: Path) -> Run | None:
    """A run that was written; None where there is no file."""
    if not path.exists():
        return None
    return read_json(path, Run, "remove it to have the run evaluated again")


def read_terms(out: Path) -> Terms | None:
    """The terms of the study that lies in a folder; None where none does."""
    path = Path(out) / "terms.json"
    return read_json(path, Terms, "choose another --out") if path.exists() else None


def read_results(out: Path, terms: Terms | None = None) -> StudyResults:
    """All runs of the study's length in its folder.

    Args:
        out: the study's folder.
        terms: of the study; None: those in the folder.

    Raises:
        InputError: no study there, or a damaged file.
    """
    out = Path(out)
    terms = terms or read_terms(out)
    if terms is None:
        raise InputError(f"{out} holds no study; run `study` first")
    ceiling = out / "ceiling.json"
    reals = read_json(ceiling, dict[str, Metric], "remove it to have it measured again") if ceiling.exists() else {}
    runs = {}
    for row in ROWS:
        paths = (out / "runs").glob(f"{row.name}_seed*.json")
        found = [run for path in paths if (run := read_run(path)) is not None and run.kimg == terms.kimg]
        if found:
            runs[row.name] = tuple(sorted(found, key=lambda run: run.seed))
    return StudyResults(terms, reals, runs)
