"""Do samples show what was asked for? Attribute by attribute, beside real portraits under the same judge."""

from __future__ import annotations

import numpy as np

from src.evaluation.label_classifier import LabelClassifier, train_classifier
from src.labels import LabelSpecification
from src.palettes import category

PALETTE = "palette"


def measure_label_accuracy(
    samples: np.ndarray,
    sample_labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    classifier: LabelClassifier,
    specification: LabelSpecification,
) -> dict[str, dict]:
    """How often the judge sees in a sample the class that was asked for.

    The attribute `palette` is judged by the rule that made it (`src.palettes.category`), where its classes are the
    rule's; every other one by the classifier, which errs on real portraits too: their accuracy is the ceiling.

    Args:
        samples: uint8 [N, H, W, 4], N at least 1.
        sample_labels: int64 [N, A], what was asked for.
        held_out: uint8 [M, H, W, 4], real portraits that neither model nor classifier was trained on.
        held_out_labels: int64 [M, A].
        classifier: from `train_classifier`, trained on real portraits.
        specification: the attributes behind the columns.

    Returns:
        Attribute -> `evaluator` (`rule` or `classifier`), `accuracy` and `spread` (its standard deviation under the
        bootstrap) of the samples, `ceiling` and `ceiling_spread` of the validation portraits (None without any),
        `chance` (the accuracy of always naming the samples' commonest class), `classes`, `evaluated_classes`, and the
        matrices `confusion` and `ceiling_confusion`: counts, a row for each of `classes` asked for, a column for each
        of `evaluated_classes`.
    """
    by_classifier = classifier.predict(samples)
    by_classifier_validation = classifier.predict(validation) if len(validation) else validation_labels
    result = {}
    for column, (name, classes) in enumerate(specification.attributes.items()):
        by_rule = name == PALETTE and set(classes) <= set(category.PALETTES)
        # The rule may see a class that no portrait of this set has.
        evaluated_classes = (*classes, *(other for other in category.PALETTES if by_rule and other not in classes))
        asked = sample_labels[:, column]
        seen = by_palette_rule(samples, evaluated_classes) if by_rule else by_classifier[:, column]
        metrics = {"evaluator": "rule" if by_rule else "classifier"}
        metrics["accuracy"], metrics["spread"] = accuracy_and_spread(asked, seen)
        metrics["ceiling"] = metrics["ceiling_spread"] = metrics["ceiling_confusion"] = None
        if len(validation):
            truth = validation_labels[:, column]
            found = by_palette_rule(validation, evaluated_classes) if by_rule else by_classifier_validation[:, column]
            metrics["ceiling"], metrics["ceiling_spread"] = accuracy_and_spread(truth, found)
            metrics["ceiling_confusion"] = confusion(truth, found, len(classes), len(evaluated_classes))
        metrics["chance"] = float(np.bincount(asked).max() / len(asked))
        metrics["classes"], metrics["evaluated_classes"] = list(classes), list(evaluated_classes)
        metrics["confusion"] = confusion(asked, seen, len(classes), len(evaluated_classes))
        result[name] = metrics
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

    Ravuri and Vinyals, "Classification accuracy score for conditional generative models", 2019. Unlike obedience it
    falls where a model draws one typical hero a class. Compare with a classifier trained on as many reals.

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


def accuracy_and_spread(asked: np.ndarray, seen: np.ndarray) -> tuple[float, float]:
    """Share of equal entries of two arrays [N], and its standard deviation under the bootstrap (Efron, 1979).

    For a share the bootstrap has a closed form, sqrt(p (1 - p) / N), and nothing need be drawn.
    """
    accuracy = float((asked == seen).mean())
    return accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(asked)))


def confusion(asked: np.ndarray, seen: np.ndarray, rows: int, columns: int) -> list[list[int]]:
    """Counts of pairs of classes: `[row][column]` is how often `row` was asked for and `column` seen."""
    return np.bincount(asked * columns + seen, minlength=rows * columns).reshape(rows, columns).tolist()
