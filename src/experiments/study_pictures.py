"""The study's figures for the notebook: points with their spread, a panel a measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.experiments.study_results import StudyResults
from src.experiments.study_rows import Question
from src.experiments.study_tables import summary
from src.experiments.study_verdict import title

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

COLUMNS = 5


def question_plot(results: StudyResults, question: Question) -> Plot | None:
    """Every run as a dot, the mean of a row with its standard deviation over seeds (with one seed, the spread of the
    sampling) beside it; dashed, the validation portraits. None before any of the rows has been judged."""
    from matplotlib import pyplot

    rows = [row for row in (question.base, *question.rows) if any(run.metrics for run in results.runs.get(row, ()))]
    if not rows:
        return None
    height = -(-len(results.measures) // COLUMNS)
    plot, axes = pyplot.subplots(height, COLUMNS, figsize=(13, 2.3 * height), layout="constrained", squeeze=False)
    for axis in axes.flat[len(results.measures) :]:
        axis.set_axis_off()
    for axis, measure in zip(axes.flat, results.measures, strict=False):
        for place, row in enumerate(rows):
            metrics = results.metrics(row, measure)
            entry = summary(results, row, measure)
            spread = entry["sampling"] if entry["deviation"] is None else entry["deviation"]
            colour = "#777777" if row == question.base else "#3465a4"
            axis.errorbar(place, entry["mean"], spread, fmt="_", color=colour, markersize=14, capsize=4)
            axis.plot([place] * len(metrics), [figure.value for figure in metrics], ".", color=colour)
        if measure in results.ceiling:
            axis.axhline(results.ceiling[measure].value, color="#4e9a06", linestyle="--", linewidth=1)
        axis.set_xticks(range(len(rows)), rows, fontsize=7, rotation=20 if len(rows) > 2 else 0)
        axis.set_xlim(-0.6, len(rows) - 0.4)
        axis.tick_params(axis="y", labelsize=7)
        axis.set_title(title(measure), fontsize=9)
    pyplot.close(plot)  # shown once, as the cell's result, not a second time by the notebook's own hook
    return plot
