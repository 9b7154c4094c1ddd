"""Do samples show the labels requested? Attribute by attribute, beside real portraits under the same evaluator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.distances import Metric, share_metric
from src.evaluation.label_classifier import LabelClassifier, train_classifier
from src.labels import LabelSpecification
from src.palettes import category

PALETTE = "palette"


@dataclass(frozen=True)
class LabelAccuracy:
    """How often portraits show the requested class of one attribute.

    Args:
        accuracy: with its spread under the bootstrap of portraits. Another classifier would move it too; it is the
            same for all sets, so they are compared by this.
        evaluator: `rule` or `classifier`.
        chance: the accuracy of always answering with the commonest class requested.
        classes: of the attribute.
        evaluated_classes: those that the evaluator may answer with.
        confusion: counts, a row for each of `classes` requested, a column for each of `evaluated_classes`.
    """

    accuracy: Metric
    evaluator: str
    chance: float
    classes: tuple[str, ...]
    evaluated_classes: tuple[str, ...]
    confusion: list[list[int]]

    @property
    def details(self) -> dict[str, object]:
        """What a report shows beside the accuracy."""
        return {
            "evaluator": self.evaluator,
            "chance": self.chance,
            "classes": list(self.classes),
            "evaluated_classes": list(self.evaluated_classes),
            "confusion": self.confusion,
        }


def measure_label_accuracy(
    portraits: np.ndarray,
    labels: np.ndarray,
    specification: LabelSpecification,
    classifier: LabelClassifier,
    palette_rule: bool = True,
) -> dict[str, LabelAccuracy]:
    """How often the evaluator sees in a portrait the class that was requested.

    The attribute `palette` is evaluated by the rule that made it (`src.palettes.category`), where its classes are the
    rule's; every other one by the classifier, which errs on real portraits too: their accuracy is the ceiling.

    Args:
        portraits: uint8 [N, H, W, 4], N at least 1.
        labels: int64 [N, A], those requested.
        specification: the attributes behind the columns, all of which the classifier knows.
        classifier: trained on real portraits.
        palette_rule: False for smooth art, which the rule knows nothing of.

    Returns:
        Attribute -> its accuracy.
    """
    predicted = classifier.predict(portraits)
    result = {}
    for column, (name, classes) in enumerate(specification.attributes.items()):
        by_rule = palette_rule and name == PALETTE and set(classes) <= set(category.PALETTES)
        # The rule may see a class that no portrait of this set has.
        evaluated_classes = (*classes, *(other for other in category.PALETTES if by_rule and other not in classes))
        requested = labels[:, column]
        if by_rule:
            seen = by_palette_rule(portraits, evaluated_classes)
        else:
            seen = predicted[:, classifier.specification.names.index(name)]
        result[name] = LabelAccuracy(
            accuracy=share_metric(int((requested == seen).sum()), len(requested)),
            evaluator="rule" if by_rule else "classifier",
            chance=float(np.bincount(requested).max() / len(requested)),
            classes=classes,
            evaluated_classes=evaluated_classes,
            confusion=confusion(requested, seen, len(classes), len(evaluated_classes)),
        )
    return result


def classification_accuracy_score(
    samples: np.ndarray,
    sample_labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    specification: LabelSpecification,
    seed: int = 0,
    images_seen: int | None = None,
) -> dict[str, float]:
    """What samples teach about reals: accuracy on validation portraits of a classifier trained on samples alone.

    Ravuri and Vinyals, "Classification accuracy score for conditional generative models", 2019. Unlike label accuracy
    it falls where a model samples one typical hero a class. Compare with a classifier trained on as many reals.

    Returns:
        Attribute -> accuracy, 0 to 1.
    """
    classifier = train_classifier(samples, sample_labels, specification, seed, images_seen)
    right = classifier.predict(validation) == validation_labels
    return {name: float(right[:, column].mean()) for column, name in enumerate(specification.names)}


def by_palette_rule(images: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Index into `classes` of the category that the palette rule sees in each portrait, int64 [N]."""
    categories = category.palette_category(category.measure(images))
    return np.array([classes.index(str(name)) for name in categories], np.int64)


def confusion(requested: np.ndarray, seen: np.ndarray, rows: int, columns: int) -> list[list[int]]:
    """Counts of pairs of classes: `[row][column]` is how often `row` was requested and `column` seen."""
    return np.bincount(requested * columns + seen, minlength=rows * columns).reshape(rows, columns).tolist()
