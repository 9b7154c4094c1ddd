"""Obedience: figures by hand, the palette by the rule, the classification accuracy score on planted labels."""

import numpy as np
import pytest

from src.evaluation.label_accuracy import (
    accuracy_and_spread,
    classification_accuracy_score,
    confusion,
    measure_label_accuracy,
)
from src.labels import LabelSpecification
from tests.evaluation.test_label_classifier import SPECIFICATION as PLANTED
from tests.evaluation.test_label_classifier import planted

pytestmark = pytest.mark.usefixtures("fp32")  # what judges a run trains in the hardware's format
SPECIFICATION = LabelSpecification({"shape": ("bar", "ring"), "palette": ("cool", "warm")})


class FixedEvaluator:
    """Says what it was told to."""

    def __init__(self, *answers):
        self.answers = [np.array(answer) for answer in answers]

    def predict(self, images):
        return self.answers.pop(0)


def plain(*colours):
    images = np.zeros((len(colours), 8, 8, 4), np.uint8)
    for image, colour in zip(images, colours, strict=True):
        image[1:7, 1:7] = (*colour, 255)
    return images


BLUE, RED, GREY = (60, 120, 230), (230, 70, 40), (150, 150, 150)


def test_confusion_by_hand():
    assert confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 2]), 2, 3) == [[1, 1, 0], [0, 2, 1]]


def test_the_spread_is_the_bootstraps():
    asked, seen = np.zeros(50, int), (np.arange(50) < 15).astype(int)
    random = np.random.RandomState(0)
    sampled = [(asked[chosen] == seen[chosen]).mean() for chosen in random.randint(0, 50, (20000, 50))]
    accuracy, spread = accuracy_and_spread(asked, seen)
    assert accuracy == 0.7
    assert abs(spread - np.std(sampled)) < 0.001


def test_classifier_and_rule_judge_their_own_attributes():
    samples, validation = plain(BLUE, BLUE, RED, GREY), plain(BLUE, RED)
    asked = np.array([[0, 0], [0, 1], [1, 1], [0, 0]])
    # The judge's palette answers are all wrong on purpose: the rule must be asked instead.
    evaluator = FixedEvaluator([[0, 1], [1, 0], [1, 0], [1, 1]], [[0, 1], [0, 0]])
    metrics = measure_label_accuracy(samples, asked, validation, np.array([[0, 0], [1, 1]]), evaluator, SPECIFICATION)
    assert metrics["shape"]["evaluator"] == "classifier" and metrics["palette"]["evaluator"] == "rule"
    assert metrics["shape"]["accuracy"] == 0.5 and metrics["shape"]["ceiling"] == 0.5
    assert metrics["shape"]["chance"] == 0.75
    assert metrics["shape"]["confusion"] == [[1, 2], [0, 1]]
    assert metrics["palette"]["evaluated_classes"] == ["cool", "warm", "dark", "muted", "neutral"]
    assert metrics["palette"]["accuracy"] == 0.5 and metrics["palette"]["ceiling"] == 1.0
    assert metrics["palette"]["confusion"] == [[1, 0, 0, 0, 1], [1, 1, 0, 0, 0]]


def test_without_held_out_portraits_there_is_no_ceiling():
    nobody = np.zeros((0, 8, 8, 4), np.uint8), np.zeros((0, 2), np.int64)
    metrics = measure_label_accuracy(plain(BLUE), np.array([[0, 0]]), *nobody, FixedEvaluator([[0, 0]]), SPECIFICATION)
    assert metrics["shape"]["ceiling"] is None and metrics["shape"]["accuracy"] == 1.0


def test_a_palette_with_classes_of_its_own_is_left_to_the_classifier():
    own = LabelSpecification({"palette": ("autumn", "spring")})
    labels = np.array([[0]])
    metrics = measure_label_accuracy(plain(BLUE), labels, plain(RED), labels, FixedEvaluator([[0]], [[1]]), own)
    assert metrics["palette"]["evaluator"] == "classifier"
    assert (metrics["palette"]["accuracy"], metrics["palette"]["ceiling"]) == (1.0, 0.0)


def test_the_classification_accuracy_score_shows_what_samples_teach():
    samples, labels = planted(400, 0)
    labels[:, 0] = 1 - labels[:, 0]  # a model that draws the wrong shape and the right tone
    score = classification_accuracy_score(samples, labels, *planted(100, 1), PLANTED, images_seen=6400)
    assert score["shape"] < 0.1
    assert score["tone"] > 0.9
