"""When a difference counts as settled, and the sentences about it: each is worked out from one row's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.evaluation.distances import Metric
from src.evaluation.verdict import HIGHER_IS_BETTER, LOWER_IS_BETTER
from src.experiments.markdown_tables import number
from src.experiments.study_results import StudyResults
from src.experiments.study_rows import Question

CLEARLY = 3.0
"""A difference counts from this many of its own standard errors on. Two would be usual for one comparison; here are
over a hundred, and at two several would seem settled by chance."""

RULE = (
    f"A difference between two rows is called settled where it is larger than {CLEARLY:g} times its standard error, "
    "s·√(1/n + 1/m) for n and m seeds. The spread s of one run is the largest of three: the standard deviation over "
    "the seeds of the two rows, pooled; the median of that deviation over all rows, because two seeds may agree by "
    "chance; and the spread of the sampling within a run. With fewer than two seeds in either row nothing is settled."
)

TITLES = {
    "frechet_random": "Fréchet",
    "kid_random": "KID",
    "coverage": "coverage",
    "recall": "recall",
    "colours_median": "colours",
    "diversity": "diversity",
    "copies_share": "copies",
}
"""Short names of measures; `accuracy_palette` is `palette accuracy`."""


@dataclass(frozen=True)
class Difference:
    """One measure of a row beside its base.

    Args:
        measure: its name.
        row: mean over the row's seeds.
        base: mean over the base's.
        standard_error: of the difference, as the rule has it; None with fewer than two seeds in either row.
    """

    measure: str
    row: float
    base: float
    standard_error: float | None

    @property
    def settled(self) -> bool:
        """By the rule."""
        return self.standard_error is not None and abs(self.row - self.base) > CLEARLY * self.standard_error

    @property
    def word(self) -> str:
        """`better` or `worse` than the base, or `higher` or `lower` where neither side is better."""
        higher = self.row > self.base
        if self.measure.startswith(HIGHER_IS_BETTER):
            return "better" if higher else "worse"
        if self.measure.startswith(LOWER_IS_BETTER):
            return "worse" if higher else "better"
        return "higher" if higher else "lower"


def title(measure: str) -> str:
    """A measure's short name."""
    if measure.startswith("accuracy_"):
        return f"{measure.removeprefix('accuracy_').replace('_', ' ')} accuracy"
    return TITLES.get(measure, measure)


def difference(measure: str, row: Sequence[Metric], base: Sequence[Metric], typical: float) -> Difference:
    """Compare two rows under one measure.

    Args:
        measure: its name.
        row: one metric a seed, at least one.
        base: likewise.
        typical: deviation over seeds that is usual in the study.
    """
    values = [np.array([each.value for each in side]) for side in (row, base)]
    means = [float(side.mean()) for side in values]
    if min(len(side) for side in values) < 2:
        return Difference(measure, *means, None)
    squares = sum(((side - side.mean()) ** 2).sum() for side in values)
    pooled = float(np.sqrt(squares / (sum(map(len, values)) - 2)))
    sampling = float(np.sqrt(np.mean([each.spread**2 for each in (*row, *base)])))
    spread = max(pooled, typical, sampling)
    return Difference(measure, *means, spread * float(np.sqrt(sum(1 / len(side) for side in values))))


def differences(results: StudyResults, row: str, base: str) -> list[Difference]:
    """All measures that both rows have."""
    return [
        difference(measure, ours, theirs, results.typical_deviation(measure))
        for measure in results.measures
        if (ours := results.metrics(row, measure)) and (theirs := results.metrics(base, measure))
    ]


def findings(results: StudyResults, question: Question) -> list[str]:
    """One sentence a row of the question, which begins with the row's name."""
    return [finding(results, row, question.base) for row in question.rows]


def finding(results: StudyResults, row: str, base: str) -> str:
    """What the row's metrics show against the base's."""
    runs, theirs = results.runs.get(row, ()), results.runs.get(base, ())
    if not runs:
        return f"`{row}` has not been run yet."
    parts = [f"seed {run.seed} {run.status} ({run.note})" for run in runs if run.diverged or run.failed]
    evaluated, evaluated_base = (sum(bool(run.metrics) for run in side) for side in (runs, theirs))
    if not evaluated:
        return f"`{row}`: {'; '.join(parts)}."
    if not evaluated_base:
        return f"`{row}`: {'; '.join([*parts, f'nothing to compare it with, `{base}` has no evaluated run'])}."
    budget = (
        f"{evaluated} against {evaluated_base} seed{'s' if evaluated_base > 1 else ''}, {results.terms.kimg:g} kimg"
    )
    found = differences(results, row, base)
    settled = [each for each in found if each.settled]
    for word in ("worse", "better", "higher", "lower"):
        measures = [
            f"{title(each.measure)} ({number(each.row)} against {number(each.base)})"
            for each in settled
            if each.word == word
        ]
        if measures:
            parts.append(f"{word}: {', '.join(measures)}")
    left = [title(each.measure) for each in found if not each.settled]
    if min(evaluated, evaluated_base) < 2:
        parts.append("nothing can be settled with one seed")
    elif left and not settled:
        parts.append("no difference is settled by this budget")
    elif left:
        parts.append(f"unsettled by this budget: {', '.join(left)}")
    return f"`{row}` against `{base}` ({budget}): {'; '.join(parts)}."
