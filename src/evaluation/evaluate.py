"""Judge a checkpoint or a folder of images: one JSON with every figure, one HTML page with every picture.

Six sets go through the same measures: the samples, validation portraits (the ceiling: what a perfect generator
would reach, as nobody knows the training portraits better than their own kind does), and training portraits blurred,
grained, shuffled and copied, whose faults are known. A measure that does not see a known fault is not to be believed
there; `which_measure_tells` says which do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from src.data.packed import TRAIN, VALIDATION, PackedPortraits, load_portraits
from src.errors import InputError
from src.evaluation import controls
from src.evaluation.control import change_attributes
from src.evaluation.copies import CopyCheck, check_copies
from src.evaluation.distances import (
    Metric,
    colour_distance,
    colour_histogram,
    compare,
    frechet_distance,
    halves,
    with_spread,
)
from src.evaluation.face_parts import METRICS as FACE_METRICS
from src.evaluation.face_parts import FaceEvaluator, Split, face_evaluator
from src.evaluation.features import SEEDS, Scale, random_features
from src.evaluation.inception import InceptionFeatures
from src.evaluation.label_accuracy import classification_accuracy_score, measure_label_accuracy
from src.evaluation.label_classifier import LabelClassifier, train_classifier
from src.evaluation.likelihood import measure_likelihood
from src.evaluation.pixel_art import colours_of, measure_pixel_art
from src.evaluation.pixel_art import compare as compare_pixel_art
from src.evaluation.report import Pictures, write_report
from src.evaluation.samples import Samples, read_samples, sample_checkpoint
from src.evaluation.two_sample_test import SEEDS as TWO_SAMPLE_SEEDS
from src.evaluation.two_sample_test import STEPS as TWO_SAMPLE_STEPS
from src.evaluation.two_sample_test import TwoSampleResult, two_sample_test
from src.evaluation.verdict import FLAGS, flags, measures_that_tell
from src.labels import LabelSpecification
from src.sampling import LoadedModel, load_model
from src.tables import write_json

FEWEST = 20
"""Below this many portraits no distance means anything."""

CLASSIFIER_IMAGES_SEEN, SCORE_IMAGES_SEEN = 24_000, 6_000
"""How long the judge of obedience is trained, and each classifier of the classification accuracy score: 2,000 samples
are to be judged in 3 minutes on 2 cores. The scores are low for that; samples are to be compared with reals."""

PIXEL_ART_REFERENCE, PIXEL_ART_CONTROLS, COPIES_CHECKED = 1000, 400, 300
"""Portraits that are enough for these: a distribution of single numbers, a share that is near 1."""

TWO_SAMPLE_CONTROLS = ("blurred", "grained", "shuffled")
"""Compared with validation portraits by one network each, of half as many steps: their faults are plain."""

FACES_CHECKED = 1000
"""Portraits of a set in which eyes and mouths are looked for."""

LIKELIHOOD_PORTRAITS = 128
"""Portraits whose exact likelihood is measured: sixteen passes through every network, half a second each."""

SETS = ("samples", "real", "blurred", "grained", "shuffled", "copies")


@dataclass(frozen=True)
class PortraitSet:
    """One row of the report.

    Args:
        portraits: uint8 [N, H, W, 4].
        labels: int64 [N, A]; of samples, what they were asked to be.
        groups: [N], which portraits are recolourings of one another; None where nobody knows.
        figures: measure -> figure, filled in measure by measure.
        details: what does not fit into one figure.
    """

    portraits: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None
    metrics: dict[str, Metric] = field(default_factory=dict)
    details: dict[str, object] = field(default_factory=dict)

    def first(self, count: int) -> PortraitSet:
        """The first `count` portraits, without figures."""
        return PortraitSet(
            self.portraits[:count], self.labels[:count], None if self.groups is None else self.groups[:count]
        )


def evaluate(
    data: Path,
    out: Path,
    checkpoint: Path | None = None,
    images: Path | None = None,
    count: int = 2000,
    seed: int = 0,
    log: Callable[[str], None] = print,
    inception: Path | None = None,
    guidance: float | None = None,
) -> dict[str, object]:
    """Judge samples against the portraits of a data folder.

    Args:
        data: folder that `build` wrote, with validation portraits.
        out: the JSON to write; the page is written beside it, under the same name with `.html`.
        checkpoint: draw samples from this file,
        images: or read them from this folder.
        count: the most samples to judge.
        seed: of the samples drawn, of the choice of portraits for the controls, of the classifier.
        say: gets a line when a step is done.
        inception: file of Inception weights; adds `frechet_inception`.
        guidance: of the checkpoint's sampling (`load_model`); None: as configured.

    Returns:
        The content of the JSON.

    Raises:
        InputError: bad input, too few samples or validation portraits.
    """
    started = time.monotonic()
    if (checkpoint is None) == (images is None):
        raise InputError("give either a checkpoint or a folder of images")
    if images is not None and guidance is not None:
        raise InputError("guidance is of a checkpoint's drawing; leave --guidance out for images")
    if count < FEWEST:
        raise InputError(f"at least {FEWEST} samples are needed, not {count}")
    portraits = load_portraits(data)
    train, validation = _splits(data, portraits)
    random = np.random.RandomState(seed)
    if checkpoint is not None:
        # The wishes are the labels of validation portraits: both sets have the same mix of classes.
        requested = validation.labels[random.permutation(len(validation.labels))]
        samples = sample_checkpoint(
            checkpoint, count, seed, requested, portraits.specification, portraits.fingerprint, guidance
        )
    else:
        samples = read_samples(images, count, portraits.images.shape[1], portraits.specification)
    if samples.portraits.shape[1:] != portraits.images.shape[1:]:
        raise InputError("the samples are not of the size of the portraits; name the data folder that goes with them")
    if len(samples.portraits) < FEWEST:
        raise InputError(f"at least {FEWEST} samples are needed, there are {len(samples.portraits)}")
    evaluated = samples.specification if samples.labels.shape[1] else portraits.specification

    sets = _make_sets(samples, train, validation, portraits.specification, evaluated, random)
    equal = min(len(each.portraits) for each in sets.values())
    train = replace(train, labels=_columns(train.labels, portraits.specification, evaluated))
    log(f"{len(samples.portraits):,} samples; every set is compared at {equal:,} portraits")

    for network in SEEDS:
        _measure_space(
            f"random_{network}", lambda pixels, which=network: random_features(pixels, which), sets, train, equal
        )
    _average_spaces(sets)
    _measure_colours(sets, train, equal)
    if inception is not None:
        _measure_inception(sets, train, equal, inception)
    log(f"distances in the random spaces and of colours measured ({_since(started)})")
    if evaluated.names:
        labelled = samples.labels.shape[1] > 0
        classifier = train_classifier(train.portraits, train.labels, evaluated, seed, CLASSIFIER_IMAGES_SEEN)
        log(f"label classifier trained ({_since(started)})")
        _measure_space("classifier", classifier.features, sets, train, equal)
        _measure_labels(sets, classifier, evaluated, labelled)
        _measure_unseen_combinations(sets, train, classifier, evaluated, labelled)
        if labelled:
            _measure_teaching(sets, train, evaluated, seed)
        if checkpoint is not None:
            _measure_control(sets["samples"], load_model(checkpoint, guidance), seed, classifier, evaluated)
        log(f"obedience judged ({_since(started)})")
    _measure_two_samples(sets, equal)
    log(f"two-sample tests made ({_since(started)})")
    faces = _face_evaluator(data, portraits, seed, log)
    if faces is not None:
        _measure_faces(sets, faces)
        log(f"eyes and mouths looked for ({_since(started)})")
    if checkpoint is not None:
        _measure_likelihood(sets, load_model(checkpoint), portraits, count)
        log(f"likelihood measured ({_since(started)})")
    pixel_measures = _measure_pixel_art(sets, train, samples)
    checks = _check_copying(sets, train, validation)
    log(f"pixels and copies looked at ({_since(started)})")

    content = _compose(samples, sets, portraits, checks["samples"], equal)
    write_json(out, content)
    pictures = Pictures(
        {name: each.portraits for name, each in sets.items()},
        samples.names,
        train.portraits,
        checks["samples"],
        pixel_measures,
    )
    write_report(Path(out).with_suffix(".html"), content, pictures)
    log(f"done ({_since(started)})")
    return content


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"


def _splits(data: Path, portraits: PackedPortraits) -> tuple[PortraitSet, PortraitSet]:
    """Training and validation portraits with their groups."""
    with np.load(Path(data) / "portraits.npz", allow_pickle=False) as packed:
        groups = packed["group_ids"]
    chosen = [portraits.split == side for side in (TRAIN, VALIDATION)]
    train, validation = (PortraitSet(portraits.images[rows], portraits.labels[rows], groups[rows]) for rows in chosen)
    if len(validation.portraits) < FEWEST or len(train.portraits) < FEWEST:
        raise InputError(
            f"{data} holds {len(train.portraits)} training and {len(validation.portraits)} validation portraits, "
            f"{FEWEST} of each are needed to compare with; run `build` with another --val-fraction"
        )
    return train, validation


def _columns(labels: np.ndarray, specification: LabelSpecification, wanted: LabelSpecification) -> np.ndarray:
    return labels[:, [specification.names.index(name) for name in wanted.names]]


def _make_sets(
    samples: Samples,
    train: PortraitSet,
    validation: PortraitSet,
    specification: LabelSpecification,
    evaluated: LabelSpecification,
    random: np.random.RandomState,
) -> dict[str, PortraitSet]:
    """The six sets, each in random order."""
    order = random.permutation(len(validation.portraits))
    chosen = random.permutation(len(train.portraits))[: len(validation.portraits)]
    seed = int(random.randint(2**31))
    of_train = train.portraits[chosen]
    labels, groups = _columns(train.labels[chosen], specification, evaluated), train.groups[chosen]
    return {
        "samples": PortraitSet(samples.portraits, samples.labels),
        "real": PortraitSet(
            validation.portraits[order],
            _columns(validation.labels[order], specification, evaluated),
            validation.groups[order],
        ),
        "blurred": PortraitSet(controls.blurred(of_train), labels, groups),
        "grained": PortraitSet(controls.grained(of_train, seed), labels, groups),
        "shuffled": PortraitSet(controls.shuffled(of_train, seed), labels, groups),
        "copies": PortraitSet(of_train, labels, groups),
    }


def _measure_space(
    space: str,
    describe: Callable[[np.ndarray], np.ndarray],
    sets: dict[str, PortraitSet],
    train: PortraitSet,
    equal: int,
) -> None:
    """All distances to the training portraits in one feature space, into every set's figures."""
    reference = np.asarray(describe(train.portraits), np.float64)
    scale = Scale.of(reference)
    reference = scale(reference)
    for each in sets.values():
        part = each.first(equal)
        vectors = scale(np.asarray(describe(part.portraits), np.float64))
        for name, figure in compare(vectors, reference, halves(equal, part.groups)).items():
            each.metrics[f"{name}_{space}"] = figure


def _average_spaces(sets: dict[str, PortraitSet]) -> None:
    """`frechet_random`, `kid_random`, `coverage` ...: the mean over the random networks."""
    for each in sets.values():
        for name in ("frechet", "kid", "precision", "recall", "density", "coverage"):
            both = [each.metrics[f"{name}_random_{network}"] for network in SEEDS]
            title = f"{name}_random" if name in ("frechet", "kid") else name
            # The networks see the same portraits: their errors go together, so the spread is no smaller than either's.
            value, spread = (float(np.mean([getattr(one, part) for one in both])) for part in ("value", "spread"))
            each.metrics[title] = Metric(value, spread)


def _measure_colours(sets: dict[str, PortraitSet], train: PortraitSet, equal: int) -> None:
    reference = colour_histogram(train.portraits)
    for each in sets.values():
        part = each.first(equal)
        histograms = colour_histogram(part.portraits)
        each.metrics["colour_distance"] = with_spread(
            lambda rows: colour_distance(rows, reference), histograms, halves(equal, part.groups)
        )


def _measure_inception(sets: dict[str, PortraitSet], train: PortraitSet, equal: int, weights: Path) -> None:
    """The literature's Fréchet distance, in features as they are: figures of other papers are not scaled either."""
    describe = InceptionFeatures(weights)
    reference = np.asarray(describe(train.portraits), np.float64)
    for each in sets.values():
        part = each.first(equal)
        vectors = np.asarray(describe(part.portraits), np.float64)
        # Two halves only: the square root of a 2,048 x 2,048 matrix takes seconds.
        each.metrics["frechet_inception"] = with_spread(
            lambda rows: frechet_distance(rows, reference), vectors, halves(equal, part.groups)[:2]
        )


def _measure_labels(
    sets: dict[str, PortraitSet], classifier: LabelClassifier, evaluated: LabelSpecification, labelled: bool
) -> None:
    """Accuracy of every attribute, of every set whose labels are known, and the confusion matrices."""
    for name, each in sets.items():
        if name == "samples" and not labelled:
            continue
        # Reals are a set of their own here: no set needs a second one beside it.
        found = measure_label_accuracy(
            each.portraits, each.labels, each.portraits[:0], each.labels[:0], classifier, evaluated
        )
        for attribute, entry in found.items():
            each.metrics[f"accuracy_{attribute}"] = Metric(entry["accuracy"], entry["spread"])
        kept = ("evaluator", "chance", "classes", "evaluated_classes", "confusion")
        each.details["label_accuracy"] = {
            attribute: {key: entry[key] for key in kept} for attribute, entry in found.items()
        }


def _measure_unseen_combinations(
    sets: dict[str, PortraitSet],
    train: PortraitSet,
    classifier: LabelClassifier,
    evaluated: LabelSpecification,
    labelled: bool,
) -> None:
    """`unseen_accuracy_ATTRIBUTE`: of samples and validation portraits whose labels never occur together in training.

    The classifier has not seen them together either: samples are to be compared with the reals of the same labels.
    """
    seen = {tuple(row) for row in train.labels.tolist()}
    for name in ("samples", "real") if labelled else ():
        each = sets[name]
        unseen = np.array([tuple(row) not in seen for row in each.labels.tolist()], bool)
        each.details["unseen_combinations"] = int(unseen.sum())
        if unseen.sum() < FEWEST:
            continue
        portraits, labels = each.portraits[unseen], each.labels[unseen]
        found = measure_label_accuracy(portraits, labels, portraits[:0], labels[:0], classifier, evaluated)
        for attribute, entry in found.items():
            each.metrics[f"unseen_accuracy_{attribute}"] = Metric(entry["accuracy"], entry["spread"])


def _measure_control(
    samples: PortraitSet, model: LoadedModel, seed: int, classifier: LabelClassifier, evaluated: LabelSpecification
) -> None:
    """`kept_ATTRIBUTE`: how much of a hero stays when that attribute changes; `changed_accuracy_ATTRIBUTE`: how often
    the change is seen, for a model that changes nothing keeps all."""
    for attribute, change in change_attributes(model, seed).items():
        samples.metrics[f"kept_{attribute}"] = change.kept
        labels = _columns(change.labels, model.labels, evaluated)
        found = measure_label_accuracy(
            change.portraits, labels, change.portraits[:0], labels[:0], classifier, evaluated
        )
        entry = found[attribute]
        samples.metrics[f"changed_accuracy_{attribute}"] = Metric(entry["accuracy"], entry["spread"])


def _measure_teaching(
    sets: dict[str, PortraitSet], train: PortraitSet, evaluated: LabelSpecification, seed: int
) -> None:
    """Classification accuracy scores on validation portraits: taught by samples, and by as many training portraits."""
    samples, real = sets["samples"], sets["real"]
    chosen = np.random.RandomState(seed).permutation(len(train.portraits))[: len(samples.portraits)]
    for each, pixels, labels in (
        (samples, samples.portraits, samples.labels),
        (real, train.portraits[chosen], train.labels[chosen]),
    ):
        score = classification_accuracy_score(
            pixels, labels, real.portraits, real.labels, evaluated, seed, images_seen=SCORE_IMAGES_SEEN
        )
        each.details["classification_accuracy_score"] = {name: rounded(value) for name, value in score.items()}


def _measure_two_samples(sets: dict[str, PortraitSet], equal: int) -> None:
    """`two_sample_accuracy` and `two_sample_auc`: each set against the validation portraits, which are `real`.

    Those cannot be compared with themselves: their figures are those of training portraits, which are `copies`.
    """
    real = sets["real"].first(equal)
    results: dict[str, TwoSampleResult] = {}
    for name, each in sets.items():
        if name == "real":
            continue
        part = each.first(equal)
        seeds, steps = (
            ((0,), TWO_SAMPLE_STEPS // 2) if name in TWO_SAMPLE_CONTROLS else (TWO_SAMPLE_SEEDS, TWO_SAMPLE_STEPS)
        )
        try:
            results[name] = two_sample_test(part.portraits, real.portraits, part.groups, real.groups, seeds, steps)
        except InputError:
            return  # a small set: nothing would be left to ask about
    for name, each in sets.items():
        result = results["copies" if name == "real" else name]
        each.metrics.update(two_sample_accuracy=result.accuracy, two_sample_auc=result.auc)
        each.details["two_sample_test"] = {
            "compared": "training portraits" if name in ("real", "copies") else name,
            "with": "validation portraits",
            "learned_on": result.learned,
            "asked_about": result.asked,
            "networks": result.seeds,
        }


def _face_evaluator(
    data: Path, portraits: PackedPortraits, seed: int, log: Callable[[str], None]
) -> FaceEvaluator | None:
    """Finds eyes and mouths; None where the portraits are not the painter's."""
    with np.load(Path(data) / "portraits.npz", allow_pickle=False) as packed:
        if "filenames" not in packed:
            return None
        names = packed["filenames"]
    train, validation = (
        Split(names[rows].tolist(), portraits.images[rows])
        for rows in (portraits.split == side for side in (TRAIN, VALIDATION))
    )
    return face_evaluator(data, train, validation, portraits.fingerprint, seed, log)


def _measure_faces(sets: dict[str, PortraitSet], evaluator: FaceEvaluator) -> None:
    """`two_eyes_found` and `mouth_found` of every set; of samples also as shares of what reals have."""
    for each in sets.values():
        part = each.first(FACES_CHECKED)
        each.metrics.update(evaluator.metrics(part.portraits, part.groups))
    samples, real = sets["samples"], sets["real"]
    real.details["face_finder"] = evaluator.reliability
    samples.details["of_real"] = {
        name: rounded(samples.metrics[name].value / real.metrics[name].value) if real.metrics[name].value else None
        for name in FACE_METRICS
    }


def _measure_likelihood(
    sets: dict[str, PortraitSet], model: LoadedModel, portraits: PackedPortraits, count: int
) -> None:
    """`bits` and its parts, of validation portraits (`real`) and of training portraits (`copies`)."""
    own = portraits.conditioned_on(model.labels.names)
    for name, side in (("real", VALIDATION), ("copies", TRAIN)):
        rows = own.split == side
        found = measure_likelihood(model, own.images[rows], own.labels[rows], min(count, LIKELIHOOD_PORTRAITS))
        sets[name].metrics.update(found)


def _measure_pixel_art(
    sets: dict[str, PortraitSet], train: PortraitSet, samples: Samples
) -> dict[str, dict[str, np.ndarray]]:
    """Pixel-art measures of every set beside those of training portraits.

    Returns:
        Measure -> set -> float [N].
    """
    palette = colours_of(train.portraits)
    chosen = np.random.RandomState(0).permutation(len(train.portraits))[:PIXEL_ART_REFERENCE]
    # Off the palette can no training portrait be, as the palette is theirs; held-out ones can.
    reference = measure_pixel_art(train.portraits[chosen], palette)
    measured = {name: each.first(PIXEL_ART_CONTROLS) for name, each in sets.items()}
    measured |= {"samples": sets["samples"], "real": sets["real"]}
    measures = {name: measure_pixel_art(each.portraits, palette) for name, each in measured.items()}
    measures["samples"]["partial_alpha"] = samples.partial_alpha
    for name, each in sets.items():
        parts = halves(len(measured[name].portraits), measured[name].groups)
        each.details["pixel_art"] = {
            measure: {"median": rounded(entry["median"]), "quantiles": [rounded(value) for value in entry["quantiles"]]}
            for measure, entry in compare_pixel_art(measures[name], reference).items()
        }
        for measure, values in measures[name].items():
            figure = with_spread(lambda rows, to=reference[measure]: _ks_distance(rows, to), values, parts)
            each.metrics[f"pixel_art_distance_{measure}"] = figure
        each.metrics["colours_median"] = with_spread(
            lambda rows: float(np.median(rows)), measures[name]["colours"], parts
        )
    return {measure: {name: measures[name][measure] for name in sets} for measure in reference}


def _ks_distance(values: np.ndarray, reference: np.ndarray) -> float:
    from scipy.stats import ks_2samp

    return float(ks_2samp(values, reference).statistic)


def _check_copying(sets: dict[str, PortraitSet], train: PortraitSet, validation: PortraitSet) -> dict[str, CopyCheck]:
    """The copy check of samples, of validation portraits (half of the groups against the other half) and of copies."""
    one = np.zeros(len(validation.portraits), bool)
    one[halves(len(one), validation.groups)[0]] = True
    copies = controls.copies(sets["copies"].portraits[:COPIES_CHECKED], seed=0)
    checks = {
        "samples": check_copies(sets["samples"].portraits, train.portraits, validation.portraits),
        "real": check_copies(validation.portraits[one], train.portraits, validation.portraits[~one]),
        "copies": check_copies(copies, train.portraits, validation.portraits[~one]),
    }
    for name, check in checks.items():
        spread = (check.share * (1 - check.share) / len(check.distances)) ** 0.5
        sets[name].metrics["copies_share"] = Metric(check.share, spread)
        sets[name].details["copies"] = {
            "flagged": bool(check.flagged),
            "share": rounded(check.share),
            "expected_share": rounded(check.expected_share),
            "p_value": rounded(check.p_value),
            "threshold": rounded(check.threshold),
            "distance_median": rounded(float(np.median(check.distances))),
            "real_distance_median": rounded(check.real_distance_median),
            "margin_mean": rounded(check.margin_mean),
            "margin_median": rounded(check.margin_median),
        }
    return checks


def _compose(
    samples: Samples,
    sets: dict[str, PortraitSet],
    portraits: PackedPortraits,
    check: CopyCheck,
    equal: int,
) -> dict[str, object]:
    """The content of the JSON."""
    metrics = {name: each.metrics for name, each in sets.items()}
    tells = {name: measures_that_tell(metrics[name], metrics["real"]) for name in SETS[2:]}
    label_accuracy = sets["samples"].details.get("label_accuracy", {})
    chance = {attribute: entry["chance"] for attribute, entry in label_accuracy.items()}
    words = flags(
        metrics["samples"],
        metrics["real"],
        metrics["blurred"],
        chance,
        check.flagged,
        bool(samples.origin.get("trained_on_this_data", True)),
        equal >= len(sets["real"].portraits),
    )
    described = {name: _describe(each, portraits.specification) for name, each in sets.items()}
    return {
        "evaluated": {**samples.origin, "data_fingerprint": portraits.fingerprint},
        "compared_at": equal,
        "flags": words,
        "flag_meanings": FLAGS,
        "samples": described["samples"],
        "real": described["real"],
        "controls": {name: described[name] for name in SETS[2:]},
        "which_measure_tells": tells,
    }


HEADLINES = (
    *("frechet_random", "kid_random", "precision", "recall", "density", "coverage", "colour_distance"),
    *("colours_median", "copies_share", "two_sample_accuracy", "two_sample_auc"),
)


def _describe(each: PortraitSet, specification: LabelSpecification) -> dict[str, object]:
    """One set: the figures that everybody asks for, then all of them with their spreads, then details.

    A figure that there is none of (the accuracy of samples without labels) is null.
    """
    faces = (name for name in FACE_METRICS if name in each.metrics)
    names = (*HEADLINES, *faces, *(f"accuracy_{name}" for name in specification.names))
    headlines = {name: rounded(each.metrics[name].value) if name in each.metrics else None for name in names}
    measures = {
        name: {"value": rounded(figure.value), "spread": rounded(figure.spread)}
        for name, figure in each.metrics.items()
    }
    return {"count": len(each.portraits), **headlines, "measures": measures, **each.details}


def rounded(value: float) -> float:
    """Five significant digits: what lies beyond differs between processors."""
    return float(f"{value:.5g}")
