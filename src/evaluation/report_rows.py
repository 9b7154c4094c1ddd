"""The sets that a report lays side by side, and what the evaluator finds about each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from src.errors import InputError
from src.evaluation import controls
from src.evaluation.copies import CopyCheck
from src.evaluation.distances import frechet_distance, halves, rounded, with_spread
from src.evaluation.evaluator import COPIES_CHECKED, Evaluator, Metrics
from src.evaluation.face_parts import METRICS as FACE_METRICS
from src.evaluation.inception import InceptionFeatures
from src.evaluation.likelihood import measure_likelihood
from src.evaluation.portrait_set import PortraitSet
from src.evaluation.samples import Samples
from src.evaluation.two_sample_test import SEEDS as TWO_SAMPLE_SEEDS
from src.evaluation.two_sample_test import STEPS as TWO_SAMPLE_STEPS
from src.evaluation.two_sample_test import TwoSampleResult, two_sample_test
from src.progress import track
from src.sampling import LoadedModel

CONTROLS = ("blurred", "grained", "shuffled", "copies")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

PIXEL_ART_CONTROLS, FACES_CHECKED, LIKELIHOOD_PORTRAITS = 400, 1000, 128
"""Portraits of a set that are enough for its row: distributions of single numbers, shares, a mean."""

FEWEST_UNSEEN = 20
"""Portraits of unseen combinations below which their accuracy is left out."""


@dataclass
class Row:
    """A set and what was found about it.

    Args:
        portraits: the set.
        metrics: its metrics by name, added one after the other.
        details: what does not fit into one metric.
    """

    portraits: PortraitSet
    metrics: Metrics = field(default_factory=dict)
    details: dict[str, object] = field(default_factory=dict)


def make_rows(evaluator: Evaluator, samples: Samples) -> dict[str, Row]:
    """The six sets, each in random order, labelled by the attributes that samples are evaluated by."""
    names = samples.portraits.specification.names or evaluator.specification.names
    chosen = np.random.RandomState(evaluator.seed).permutation(len(evaluator.train))[: len(evaluator.validation)]
    originals = evaluator.train[chosen].labelled_by(names)

    def changed(portraits: np.ndarray) -> Row:
        return Row(PortraitSet(portraits, originals.labels, originals.specification, originals.groups))

    return {
        "samples": Row(samples.portraits),
        "real": Row(evaluator.real.labelled_by(names)),
        "blurred": changed(controls.blurred(originals.portraits)),
        "grained": changed(controls.grained(originals.portraits, evaluator.seed)),
        "shuffled": changed(controls.shuffled(originals.portraits, evaluator.seed)),
        "copies": Row(originals),
    }


def add_inception(rows: dict[str, Row], evaluator: Evaluator, equal: int, describe: InceptionFeatures) -> None:
    """`frechet_inception`, the literature's, in features as they are: other papers' are not scaled either."""
    reference = np.asarray(describe(evaluator.train.portraits), np.float64)
    for row in rows.values():
        part = row.portraits[:equal]
        vectors = np.asarray(describe(part.portraits), np.float64)
        # Two halves only: the square root of a 2,048 x 2,048 matrix takes seconds.
        parts = halves(equal, part.groups)[:2]
        row.metrics["frechet_inception"] = with_spread(lambda rows: frechet_distance(rows, reference), vectors, parts)


def add_labels(rows: dict[str, Row], evaluator: Evaluator, equal: int) -> None:
    """Distances in the classifier's features, label accuracy, also of unseen combinations, and the accuracy score."""
    for row in rows.values():
        row.metrics |= evaluator.classifier_distances(row.portraits[:equal])
        found = evaluator.label_accuracy(row.portraits)
        row.metrics |= {f"accuracy_{name}": entry.accuracy for name, entry in found.items()}
        row.details |= {"label_accuracy": {name: entry.details for name, entry in found.items()}} if found else {}
    samples, real = rows["samples"], rows["real"]
    if not samples.portraits.specification.names:
        return
    for row in (samples, real):
        unseen = evaluator.unseen_combinations(row.portraits)
        row.details["unseen_combinations"] = len(unseen)
        if len(unseen) >= FEWEST_UNSEEN:
            found = evaluator.label_accuracy(unseen)
            row.metrics |= {f"unseen_accuracy_{name}": entry.accuracy for name, entry in found.items()}
    as_many = np.random.RandomState(evaluator.seed).permutation(len(evaluator.train))[: len(samples.portraits)]
    reals = evaluator.train[as_many].labelled_by(samples.portraits.specification.names)
    for row, teachers in ((samples, samples.portraits), (real, reals)):
        score = evaluator.classification_score(teachers)
        row.details["classification_accuracy_score"] = {name: rounded(value) for name, value in score.items()}


def add_two_sample_tests(rows: dict[str, Row], equal: int) -> bool:
    """`two_sample_accuracy` and `two_sample_auc`: each set against the validation portraits, which are `real`. Returns
    whether there were enough portraits for them.

    Those cannot be compared with themselves: their metrics are those of training portraits, which are `copies`. Plain
    faults are compared by one network each, of half as many steps.
    """
    real = rows["real"].portraits[:equal]
    results: dict[str, TwoSampleResult] = {}
    for name in ("samples", *CONTROLS):
        part = rows[name].portraits[:equal]
        thorough = name in ("samples", "copies")
        seeds, steps = (TWO_SAMPLE_SEEDS, TWO_SAMPLE_STEPS) if thorough else ((0,), TWO_SAMPLE_STEPS // 2)
        try:
            results[name] = two_sample_test(part.portraits, real.portraits, part.groups, real.groups, seeds, steps)
        except InputError:
            return False  # a small set: nothing would be left to ask about
    for name, row in rows.items():
        result = results["copies" if name == "real" else name]
        row.metrics |= {"two_sample_accuracy": result.accuracy, "two_sample_auc": result.auc}
        row.details["two_sample_test"] = {
            "compared": "training portraits" if name in ("real", "copies") else name,
            "with": "validation portraits",
            "learned_on": result.learned,
            "asked_about": result.asked,
            "networks": result.seeds,
        }
    return True


def add_faces(rows: dict[str, Row], evaluator: Evaluator) -> None:
    """`two_eyes_found` and `mouth_found` of every set; of samples also as shares of what reals have."""
    faces = evaluator.faces()
    if faces is None:
        return
    for row in track(rows.values(), "faces", delay=2.0):
        part = row.portraits[:FACES_CHECKED]
        row.metrics |= faces.metrics(part.portraits, part.groups)
    samples, real = rows["samples"], rows["real"]
    real.details["face_finder"] = faces.reliability
    samples.details["of_real"] = {
        name: rounded(samples.metrics[name].value / real.metrics[name].value) if real.metrics[name].value else None
        for name in FACE_METRICS
    }


def add_likelihood(rows: dict[str, Row], evaluator: Evaluator, model: LoadedModel) -> None:
    """`bits` and its parts, of validation portraits (`real`) and of training portraits (`copies`)."""
    for name, side in (("real", evaluator.validation), ("copies", evaluator.train)):
        # By name: the data may have its attributes in another order.
        named = [model.labels.encode(side.specification.decode(row)) for row in side.labels]
        labels = np.array(named, np.int64).reshape(len(side), len(model.labels.names))
        rows[name].metrics |= measure_likelihood(model, side.portraits, labels, LIKELIHOOD_PORTRAITS)


def add_pixel_art(
    rows: dict[str, Row], evaluator: Evaluator, partial_alpha: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """The pixel-art metrics of every set.

    Returns:
        Measure -> set -> float [N].
    """
    measured = {}
    for name, row in track(rows.items(), "pixels", delay=2.0):
        part = row.portraits[:PIXEL_ART_CONTROLS] if name in CONTROLS else row.portraits
        measures = evaluator.pixel_art_measures(part)
        if name == "samples":
            measures["partial_alpha"] = partial_alpha
        row.metrics |= evaluator.pixel_art(part, measures)
        row.details["pixel_art"] = {
            measure: {
                "median": rounded(float(np.median(values))),
                "quantiles": [rounded(value) for value in np.quantile(values, QUANTILES).tolist()],
            }
            for measure, values in measures.items()
        }
        measured[name] = measures
    return {measure: {name: each[measure] for name, each in measured.items()} for measure in measured["real"]}


def add_copies(rows: dict[str, Row], evaluator: Evaluator) -> CopyCheck:
    """The copy check of samples, of validation portraits and of copies.

    Returns:
        That of the samples.
    """
    original = rows["copies"].portraits[:COPIES_CHECKED]
    disguised = PortraitSet(controls.copies(original.portraits, 0), original.labels, original.specification)
    checks = {
        "samples": evaluator.copies(rows["samples"].portraits),
        "real": evaluator.real_copies(),
        "copies": evaluator.copies(disguised, evaluator.validation_halves()[1]),
    }
    for name, check in checks.items():
        rows[name].metrics["copies_share"] = check.metric
        rows[name].details["copies"] = check.details
    return checks["samples"]
