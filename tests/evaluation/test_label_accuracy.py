"""Label accuracy by hand, the palette by the rule, the classification accuracy score on planted labels."""

import numpy as np
import pytest

from src.evaluation.distances import share_metric
from src.evaluation.label_accuracy import classification_accuracy_score, confusion, measure_label_accuracy
from src.labels import LabelSpecification
from tests.evaluation.test_label_classifier import SPECIFICATION as PLANTED
from tests.evaluation.test_label_classifier import planted

pytestmark = pytest.mark.usefixtures("fp32")  # what evaluates a run trains in the hardware's format
SPECIFICATION = LabelSpecification({"shape": ("bar", "ring"), "palette": ("cool", "warm")})


class FixedEvaluator:
    """Predicts what it was given."""

    def __init__(self, answers, specification=SPECIFICATION):
        self.answers, self.specification = np.array(answers), specification

    def predict(self, images):
        return self.answers


def plain(*colours):
    images = np.zeros((len(colours), 8, 8, 4), np.uint8)
    for image, colour in zip(images, colours, strict=True):
        image[1:7, 1:7] = (*colour, 255)
    return images


BLUE, RED, GREY = (60, 120, 230), (230, 70, 40), (150, 150, 150)


def test_confusion_by_hand():
    assert confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 2]), 2, 3) == [[1, 1, 0], [0, 2, 1]]


def test_the_spread_is_the_bootstraps():
    right = np.arange(50) >= 15
    sampled = [right[chosen].mean() for chosen in np.random.RandomState(0).randint(0, 50, (20000, 50))]
    accuracy = share_metric(right.sum(), 50)
    assert accuracy.value == 0.7
    assert abs(accuracy.spread - np.std(sampled)) < 0.001


def test_classifier_and_rule_evaluate_their_own_attributes():
    samples = plain(BLUE, BLUE, RED, GREY)
    requested = np.array([[0, 0], [0, 1], [1, 1], [0, 0]])
    # The classifier's palettes are all wrong on purpose: the rule must be asked instead.
    classifier = FixedEvaluator([[0, 1], [1, 0], [1, 0], [1, 1]])
    found = measure_label_accuracy(samples, requested, SPECIFICATION, classifier)
    shape, palette = found["shape"], found["palette"]
    assert shape.evaluator == "classifier" and palette.evaluator == "rule"
    assert shape.accuracy.value == 0.5 and shape.chance == 0.75
    assert shape.confusion == [[1, 2], [0, 1]]
    assert palette.evaluated_classes == ("cool", "warm", "dark", "muted", "neutral")
    assert palette.accuracy.value == 0.5
    assert palette.confusion == [[1, 0, 0, 0, 1], [1, 1, 0, 0, 0]]


def test_a_set_with_some_of_the_attributes_is_read_by_their_names():
    wider = LabelSpecification({"view": ("back", "front"), **SPECIFICATION.attributes})
    classifier = FixedEvaluator([[1, 0, 0], [1, 1, 0]], wider)
    shape = LabelSpecification({"shape": ("bar", "ring")})
    found = measure_label_accuracy(plain(BLUE, RED), np.array([[0], [1]]), shape, classifier)
    assert list(found) == ["shape"] and found["shape"].accuracy.value == 1.0


def test_a_palette_with_classes_of_its_own_is_left_to_the_classifier():
    own = LabelSpecification({"palette": ("autumn", "spring")})
    found = measure_label_accuracy(plain(BLUE, RED), np.array([[0], [0]]), own, FixedEvaluator([[0], [1]], own))
    assert found["palette"].evaluator == "classifier" and found["palette"].accuracy.value == 0.5


def test_the_classification_accuracy_score_shows_what_samples_teach():
    samples, labels = planted(400, 0)
    labels[:, 0] = 1 - labels[:, 0]  # a model that makes the wrong shape and the right tone
    score = classification_accuracy_score(samples, labels, *planted(100, 1), PLANTED, images_seen=6400)
    assert score["shape"] < 0.1
    assert score["tone"] > 0.9
