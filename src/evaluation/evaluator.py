"""The evaluator of a data set: every command measures samples with it, under the same names.

No metric means anything alone. Sets are compared at the same count, with the same reference, beside validation
portraits: they are what a perfect generator would reach, as they are of the training portraits' kind and nobody was
trained on them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from src.data.packed import TRAIN, VALIDATION, PackedPortraits, intra_class_distance, load_portraits
from src.data.smooth import is_smooth
from src.errors import InputError
from src.evaluation.changed_attribute import change_attributes
from src.evaluation.copies import CopyCheck, check_copies
from src.evaluation.distances import (
    Metric,
    colour_distance,
    colour_histogram,
    halves,
    with_spread,
)
from src.evaluation.face_parts import FaceEvaluator, Split, face_evaluator
from src.evaluation.feature_spaces import FeatureSpace, random_distances, random_spaces
from src.evaluation.label_accuracy import LabelAccuracy, classification_accuracy_score, measure_label_accuracy
from src.evaluation.label_classifier import LabelClassifier, kept_classifier
from src.evaluation.pixel_art import colours_of, distribution_distance, measure_pixel_art
from src.evaluation.portrait_set import PortraitSet
from src.images import count_colours
from src.sampling import LoadedModel

Metrics = dict[str, Metric]

FEWEST = 8
"""Training and validation portraits below which there is nothing to compare with."""

PIXEL_ART_REFERENCE, COPIES_CHECKED = 1000, 300
"""Portraits that are enough for these: a distribution of single numbers, a share."""

SCORE_IMAGES_SEEN = 6_000
"""How long each classifier of the classification accuracy score is trained: the two scores are low, and compared."""

COMPARED = ("frechet_random", "kid_random", "coverage", "recall")
"""The distances among the metrics of a comparison."""


class Evaluator:
    """Measures sets of portraits against a data set. What a metric needs is computed when it is first asked for, once.

    Args:
        data: folder with `portraits.npz`; the networks trained here are kept in it.
        seed: of the networks, of the order of the validation portraits.
        log: gets a line when a network is trained.

    Raises:
        InputError: no data, too few training or validation portraits, validation portraits whose groups are not to
            be halved, or sides that are no multiple of 4.
    """

    def __init__(self, data: Path, seed: int = 0, log: Callable[[str], None] = print) -> None:
        self.data, self.seed, self.log = Path(data), seed, log
        self.packed: PackedPortraits = load_portraits(data)
        side = self.packed.images.shape[1]
        if side % 4:
            raise InputError(
                f"{data} holds portraits of {side} pixels; measures need a multiple of 4: run `prepare` with another "
                "--size"
            )
        self.specification = self.packed.specification
        self.filenames = self.packed.filenames
        everything = PortraitSet(self.packed.images, self.packed.labels, self.specification, self.packed.group_ids)
        # As they lie: the copy check needs portraits of one group next to each other.
        self.train, self.validation = (everything[self.packed.split == side] for side in (TRAIN, VALIDATION))
        if min(len(self.train), len(self.validation)) < FEWEST:
            raise InputError(
                f"{data} holds {len(self.train)} training and {len(self.validation)} validation portraits, at least "
                f"{FEWEST} of each are needed to compare with; run `build` with another --val-fraction"
            )
        if self.validation.groups is not None:
            sizes = np.unique(self.validation.groups, return_counts=True)[1]
            # A half of two groups is one of them, and no distance is taken from a single portrait.
            if len(sizes) < 2 or (len(sizes) == 2 and sizes.min() < 2):
                raise InputError(
                    f"{data} holds validation portraits of one group alone, or of one and a single portrait, and a "
                    "group is not cut in halves; run `prepare` with finer groups, or `build` with another "
                    "--val-fraction or --seed"
                )
        order = np.random.RandomState(seed).permutation(len(self.validation))
        self.real = self.validation[order]
        """The validation portraits in random order: the first of them stand for all."""
        self._real_metrics: dict[int, Metrics] = {}

    def metrics(self, portraits: PortraitSet) -> Metrics:
        """The metrics of comparisons and studies, in seconds: `COMPARED`, `accuracy_ATTRIBUTE`, `colours_median`,
        `diversity`, `copies_share`."""
        distances = self.distances(portraits)
        return {
            **{name: distances[name] for name in COMPARED},
            **{f"accuracy_{name}": found.accuracy for name, found in self.label_accuracy(portraits).items()},
            **self.colours(portraits),
            **self.diversity(portraits),
            "copies_share": self.copies(portraits[:COPIES_CHECKED]).metric,
        }

    def real_metrics(self, count: int) -> Metrics:
        """The same of `count` validation portraits, as many as there are samples: the ceiling."""
        if count not in self._real_metrics:
            metrics = self.metrics(self.real[:count])
            # Among the validation portraits each would be its own copy.
            self._real_metrics[count] = {**metrics, "copies_share": self.real_copies().metric}
        return self._real_metrics[count]

    # Distances to the training portraits

    @cached_property
    def random_spaces(self) -> tuple[FeatureSpace, ...]:
        """The spaces of the frozen random networks around the training portraits."""
        return random_spaces(self.train.portraits)

    def distances(self, portraits: PortraitSet) -> Metrics:
        """`frechet_random`, `kid_random`, `precision`, `recall`, `density`, `coverage`, and each network's own."""
        return random_distances(self.random_spaces, portraits.portraits, portraits.groups)

    @cached_property
    def classifier_space(self) -> FeatureSpace:
        """The label classifier's features around the training portraits."""
        return FeatureSpace.of(self.classifier.features, self.train.portraits)

    def classifier_distances(self, portraits: PortraitSet) -> Metrics:
        """`frechet_classifier`, `kid_classifier` ...: the distances in the label classifier's features."""
        found = self.classifier_space.distances(portraits.portraits, portraits.groups)
        return {f"{name}_classifier": metric for name, metric in found.items()}

    @cached_property
    def _colour_histogram(self) -> np.ndarray:
        return colour_histogram(self.train.portraits)

    def colour_distance(self, portraits: PortraitSet) -> Metrics:
        """`colour_distance`: between the colours of the two sets, wherever they are."""
        histograms = colour_histogram(portraits.portraits)
        parts = halves(len(portraits), portraits.groups)
        distance = with_spread(lambda rows: colour_distance(rows, self._colour_histogram), histograms, parts)
        return {"colour_distance": distance}

    # Labels

    @cached_property
    def classifier(self) -> LabelClassifier:
        """Classifies by all attributes of the data set, of which there must be one; trained once a data set."""
        images, labels, specification = self.train.portraits, self.train.labels, self.specification
        return kept_classifier(
            self.data, self.packed.fingerprint, images, labels, specification, self.seed, log=self.log
        )

    def label_accuracy(self, portraits: PortraitSet) -> dict[str, LabelAccuracy]:
        """How often each attribute of the set shows the class requested; nothing for a set without labels."""
        if not portraits.specification.names:
            return {}
        return measure_label_accuracy(
            portraits.portraits, portraits.labels, portraits.specification, self.classifier, not self.smooth
        )

    def unseen_combinations(self, portraits: PortraitSet) -> PortraitSet:
        """The portraits whose labels never occur together among the training portraits."""
        known = self.train.labelled_by(portraits.specification.names)
        seen = {tuple(row) for row in known.labels.tolist()}
        return portraits[np.array([tuple(row) not in seen for row in portraits.labels.tolist()], bool)]

    def classification_score(self, teachers: PortraitSet) -> dict[str, float]:
        """The classification accuracy score: attribute -> accuracy on validation portraits of a classifier that was
        trained on these portraits alone."""
        known = self.validation.labelled_by(teachers.specification.names)
        return classification_accuracy_score(
            teachers.portraits,
            teachers.labels,
            known.portraits,
            known.labels,
            known.specification,
            self.seed,
            SCORE_IMAGES_SEEN,
        )

    def control(self, model: LoadedModel) -> Metrics:
        """`kept_ATTRIBUTE`: how much of a hero stays when that attribute changes; `changed_accuracy_ATTRIBUTE`: how
        often the change is seen, for a model that changes nothing keeps all."""
        metrics: Metrics = {}
        for name, change in change_attributes(model, self.seed).items():
            changed = PortraitSet(change.portraits, change.labels, model.labels)
            metrics[f"kept_{name}"] = change.kept
            metrics[f"changed_accuracy_{name}"] = self.label_accuracy(changed)[name].accuracy
        return metrics

    # What the portraits are like

    def colours(self, portraits: PortraitSet) -> Metrics:
        """`colours_median`: of the number of colours of a portrait."""
        counts = np.array([count_colours(portrait) for portrait in portraits.portraits], np.float64)
        return {"colours_median": _median(counts, portraits)}

    @cached_property
    def smooth(self) -> bool:
        """Whether the set is smooth art."""
        return is_smooth(self.train.portraits)

    @cached_property
    def _palette(self) -> np.ndarray:
        return colours_of(self.train.portraits)

    def pixel_art_measures(self, portraits: PortraitSet) -> dict[str, np.ndarray]:
        """Measure -> its value for each portrait, float64 [N] (`pixel_art`); of smooth art, what it has."""
        if not self.smooth:
            return measure_pixel_art(portraits.portraits, self._palette)
        measures = measure_pixel_art(portraits.portraits)
        return {name: measures[name] for name in ("colours", "partial_alpha", "blur")}

    @cached_property
    def _pixel_art_reference(self) -> dict[str, np.ndarray]:
        chosen = np.random.RandomState(0).permutation(len(self.train))[:PIXEL_ART_REFERENCE]
        # Off the palette can no training portrait be, as the palette is theirs; validation portraits can.
        return self.pixel_art_measures(self.train[chosen])

    def pixel_art(self, portraits: PortraitSet, measures: dict[str, np.ndarray]) -> Metrics:
        """`pixel_art_distance_MEASURE`, between its distribution and the training portraits'; and `colours_median`.

        Args:
            portraits: the set.
            measures: of these portraits, from `pixel_art_measures`.
        """
        parts = halves(len(portraits), portraits.groups)
        distances = {
            f"pixel_art_distance_{name}": with_spread(
                lambda rows, name=name: distribution_distance(rows, self._pixel_art_reference[name]), values, parts
            )
            for name, values in measures.items()
        }
        return {**distances, "colours_median": _median(measures["colours"], portraits)}

    @cached_property
    def _real_diversity(self) -> float:
        return intra_class_distance(self.packed)

    def diversity(self, portraits: PortraitSet) -> Metrics:
        """`diversity`: the mean difference between two portraits of one label, a share of the
        training portraits'."""

        def of(rows: np.ndarray) -> float:
            part = portraits[rows]
            together = np.full(len(part), TRAIN, np.uint8)
            packed = PackedPortraits(part.portraits, part.labels, together, part.specification, "")
            return intra_class_distance(packed) / self._real_diversity

        parts = halves(len(portraits), portraits.groups)
        return {"diversity": with_spread(of, np.arange(len(portraits)), parts)}

    def faces(self) -> FaceEvaluator | None:
        """Finds eyes and mouths; None where the portraits are not the painter's."""
        if self.filenames is None:
            return None
        train, validation = (
            Split(self.filenames[self.packed.split == side].tolist(), each.portraits)
            for side, each in ((TRAIN, self.train), (VALIDATION, self.validation))
        )
        return face_evaluator(self.data, train, validation, self.packed.fingerprint, self.seed, self.log)

    # What was memorised

    def copies(self, portraits: PortraitSet, validation: PortraitSet | None = None) -> CopyCheck:
        """The copy check; `copies_share` is its `metric`.

        Args:
            portraits: no validation portraits: see `real_copies`.
            validation: portraits that show what is usual; None: all validation portraits.
        """
        usual = self.validation if validation is None else validation
        return check_copies(portraits.portraits, self.train.portraits, usual.portraits)

    def validation_halves(self) -> tuple[PortraitSet, PortraitSet]:
        """The validation portraits in two halves; no group is in both."""
        one = np.zeros(len(self.validation), bool)
        one[halves(len(one), self.validation.groups)[0]] = True
        return self.validation[one], self.validation[~one]

    def real_copies(self) -> CopyCheck:
        """The copy check of one half of the validation portraits, the other half showing what is usual."""
        return self.copies(*self.validation_halves())


def _median(values: np.ndarray, portraits: PortraitSet) -> Metric:
    parts = halves(len(portraits), portraits.groups)
    return with_spread(lambda rows: float(np.median(rows)), values, parts)
