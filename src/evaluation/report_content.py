"""The JSON of an evaluation: every set with its metrics, what the controls show, flags."""

from __future__ import annotations

from src.evaluation.copies import CopyCheck
from src.evaluation.distances import rounded
from src.evaluation.evaluator import Evaluator
from src.evaluation.face_parts import METRICS as FACE_METRICS
from src.evaluation.report_rows import CONTROLS, Row
from src.evaluation.samples import Samples
from src.evaluation.verdict import FLAGS, flags, measures_that_tell

HEADLINES = (
    *("frechet_random", "kid_random", "precision", "recall", "density", "coverage", "colour_distance"),
    *("colours_median", "copies_share", "two_sample_accuracy", "two_sample_auc"),
)


def compose(
    evaluator: Evaluator, samples: Samples, rows: dict[str, Row], check: CopyCheck, equal: int
) -> dict[str, object]:
    """The content of the JSON."""
    metrics = {name: row.metrics for name, row in rows.items()}
    label_accuracy = rows["samples"].details.get("label_accuracy", {})
    words = flags(
        metrics["samples"],
        metrics["real"],
        metrics["blurred"],
        chance={attribute: entry["chance"] for attribute, entry in label_accuracy.items()},
        copies=check.flagged,
        trained_on_this_data=bool(samples.origin.get("trained_on_this_data", True)),
        enough=len(rows["samples"].portraits) >= len(rows["real"].portraits),
    )
    described = {name: _describe(row, evaluator.specification.names) for name, row in rows.items()}
    return {
        "evaluated": {**samples.origin, "data_fingerprint": evaluator.packed.fingerprint},
        "compared_at": equal,
        "flags": words,
        "flag_meanings": FLAGS,
        "samples": described["samples"],
        "real": described["real"],
        "controls": {name: described[name] for name in CONTROLS},
        "which_measure_tells": {name: measures_that_tell(metrics[name], metrics["real"]) for name in CONTROLS},
    }


def _describe(row: Row, attributes: tuple[str, ...]) -> dict[str, object]:
    """One set: the metrics that everybody asks for, then all of them with their spreads, then details.

    A metric that there is none of (the accuracy of samples without labels) is null.
    """
    faces = (name for name in FACE_METRICS if name in row.metrics)
    names = (*HEADLINES, *faces, *(f"accuracy_{name}" for name in attributes))
    headlines = {name: rounded(row.metrics[name].value) if name in row.metrics else None for name in names}
    measures = {
        name: {"value": rounded(metric.value), "spread": rounded(metric.spread)} for name, metric in row.metrics.items()
    }
    return {"count": len(row.portraits), **headlines, "measures": measures, **row.details}
