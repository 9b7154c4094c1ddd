"""The tables of the study: `study.csv` (every metric of every run), `study.json`, `study.md` (a table and sentences a
question)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.distances import Metric
from src.evaluation.report_plots import plain
from src.experiments.markdown_tables import REALS, number, table
from src.experiments.study_results import StudyResults
from src.experiments.study_rows import QUESTIONS, ROWS, Question
from src.experiments.study_verdict import RULE, differences, findings, title
from src.files import write_text
from src.tables import write_json, write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

CSV_COLUMNS = ("row", "seed", "status", "kimg", "measure", "value", "spread", "note")
PLOT_COLUMNS = 5


def write_tables(out: Path, results: StudyResults) -> None:
    """Write all three anew."""
    write_table(Path(out) / "study.csv", CSV_COLUMNS, csv_lines(results))
    write_json(Path(out) / "study.json", as_json(results))
    write_text(Path(out) / "study.md", markdown(results))


def csv_lines(results: StudyResults) -> list[dict[str, object]]:
    """One line a run and measure; a run that diverged has one line without a measure. The reals come last."""
    lines: list[dict[str, object]] = []
    for runs in results.runs.values():
        for run in runs:
            common = {"row": run.row, "seed": run.seed, "status": run.status, "kimg": run.kimg, "note": run.note}
            metrics = [{"measure": name, **asdict(metric)} for name, metric in run.metrics.items()]
            lines += [{**common, **entry} for entry in metrics or [{}]]
    lines += [{"row": REALS, "measure": name, **asdict(metric)} for name, metric in results.ceiling.items()]
    return lines


def as_json(results: StudyResults) -> dict[str, object]:
    """Everything, with means, spreads and verdicts."""
    return {
        "terms": asdict(results.terms),
        "rule": RULE,
        "rows": {
            row.name: {
                "changes": row.changes,
                "seeds": [run.seed for run in results.runs[row.name]],
                "diverged": [run.seed for run in results.runs[row.name] if run.diverged],
                "measures": {name: summary(results, row.name, name) for name in _measures_of(results, row.name)},
            }
            for row in ROWS
            if row.name in results.runs
        },
        "reals": {name: asdict(metric) for name, metric in results.ceiling.items()},
        "questions": {
            question.name: {
                "base": question.base,
                "rows": {
                    row: [
                        {**asdict(each), "settled": each.settled, "word": each.word}
                        for each in differences(results, row, question.base)
                    ]
                    for row in question.rows
                },
                "findings": findings(results, question),
            }
            for question in QUESTIONS
        },
    }


def _measures_of(results: StudyResults, row: str) -> list[str]:
    return [name for name in results.measures if results.metrics(row, name)]


def summary(results: StudyResults, row: str, measure: str) -> dict[str, float | None]:
    """`mean` over seeds, `deviation` over seeds (None with one) and `sampling`, the spread within a run."""
    metrics = results.metrics(row, measure)
    return {
        "mean": float(np.mean([each.value for each in metrics])),
        "deviation": results.seed_deviation(row, measure),
        "sampling": float(np.sqrt(np.mean([each.spread**2 for each in metrics]))),
    }


def rows_table() -> str:
    """All rows and what differs in them, as a Markdown table, in the order in which they are run."""
    return table(("row", "what differs"), [(f"`{row.name}`", row.changes) for row in ROWS], words=2)


def question_table(results: StudyResults, question: Question) -> str:
    """The base, the rows and the reals as a Markdown table.

    A metric is `mean ± standard deviation over seeds`; with one seed, and for the reals, `value ± sampling spread*`.
    """
    changes = {row.name: row.changes for row in ROWS}
    measures = results.measures
    lines = []
    for row in (question.base, *question.rows):
        runs = results.runs.get(row, ())
        diverged = sum(run.diverged for run in runs)
        seeds = str(len(runs)) + (f" ({diverged} diverged)" if diverged else "")
        lines.append([f"`{row}`", changes[row], seeds, *(_cell(results, row, name) for name in measures)])
    reals = [_with_sampling(results.ceiling.get(name)) for name in measures]
    lines.append([REALS, "the ceiling", "", *reals])
    return table(("row", "what differs", "seeds", *map(title, measures)), lines, words=2)


def _cell(results: StudyResults, row: str, measure: str) -> str:
    metrics = results.metrics(row, measure)
    if len(metrics) < 2:
        return _with_sampling(metrics[0] if metrics else None)
    entry = summary(results, row, measure)
    return _with_spread(entry["mean"], entry["deviation"])


def _with_sampling(metric: Metric | None) -> str:
    return "" if metric is None else _with_spread(metric.value, metric.spread) + "*"


def _with_spread(value: float, spread: float) -> str:
    return f"{number(value)} ± {float(f'{spread:.2g}'):g}"


def markdown(results: StudyResults) -> str:
    """The whole page."""
    terms = results.terms
    parts = [
        "# The study",
        f"Every run: profile `{terms.profile}`, {terms.kimg:g} kimg, evaluated on as many samples as there are "
        f"validation portraits, at most {terms.count}. A metric is mean ± standard deviation over seeds; * marks one "
        "seed or the reals, where ± is the spread of the sampling. Fréchet, KID: distance to the training portraits in "
        "random features, less is better. Coverage, recall: share of what there is that is reached. Accuracy: share of "
        "samples that show the requested class. Colours: median of a sample. Diversity: difference between samples of "
        "one label, 1 is the training portraits'. Copies: share of samples too close to a training portrait.",
        RULE,
    ]
    for question in QUESTIONS:
        sentences = "\n".join(f"- {sentence}" for sentence in findings(results, question))
        parts += [f"## {question.title}", question.explanation, question_table(results, question), sentences]
    return "\n\n".join(parts) + "\n"


def question_plot(results: StudyResults, question: Question) -> Plot | None:
    """Every run as a dot, the mean of a row with its standard deviation over seeds (with one seed, the spread of the
    sampling) beside it; dashed, the validation portraits. None before any of the rows has been evaluated."""
    from matplotlib import pyplot

    rows = [row for row in (question.base, *question.rows) if any(run.metrics for run in results.runs.get(row, ()))]
    if not rows:
        return None
    height = -(-len(results.measures) // PLOT_COLUMNS)
    plot, axes = pyplot.subplots(height, PLOT_COLUMNS, figsize=(13, 2.3 * height), layout="constrained", squeeze=False)
    for axis in axes.flat[len(results.measures) :]:
        axis.set_axis_off()
    for axis, measure in zip(axes.flat, results.measures, strict=False):
        for place, row in enumerate(rows):
            metrics = results.metrics(row, measure)
            entry = summary(results, row, measure)
            spread = entry["sampling"] if entry["deviation"] is None else entry["deviation"]
            colour = "#777777" if row == question.base else "#3465a4"
            axis.errorbar(place, entry["mean"], spread, fmt="_", color=colour, markersize=14, capsize=4)
            axis.plot([place] * len(metrics), [each.value for each in metrics], ".", color=colour)
        if measure in results.ceiling:
            axis.axhline(results.ceiling[measure].value, color="#4e9a06", linestyle="--", linewidth=1)
        axis.set_xticks(range(len(rows)), rows, fontsize=7, rotation=20 if len(rows) > 2 else 0)
        axis.set_xlim(-0.6, len(rows) - 0.4)
        axis.tick_params(axis="y", labelsize=7)
        axis.set_title(plain(title(measure)), fontsize=9)
    pyplot.close(plot)  # shown once, as the cell's result, not a second time by the notebook's own hook
    return plot
