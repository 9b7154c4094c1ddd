import numpy as np
import pytest

from src.prepare.suggestions import describe_groups, describe_portrait, suggest
from tests.prepare.art import CLOTH, hero


def clouds(classes, groups, spread, seed=0):
    """Points around a centre for each class: descriptions `[G, 20]` and the class of each."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(classes, 20))
    index = generator.integers(0, classes, groups)
    return (centres[index] + spread * generator.normal(size=(groups, 20))), [f"class{number}" for number in index]


def test_a_description_does_not_depend_on_a_recolouring_that_keeps_the_order_of_lightness():
    bright, dim = hero(3, (220, 60, 40)), hero(3, (60, 100, 200))
    assert np.array_equal(describe_portrait(bright)[:3], describe_portrait(dim)[:3])
    assert np.array_equal(describe_portrait(bright), describe_portrait((bright // [2, 2, 2, 1]).astype(np.uint8)))


def test_descriptions_are_the_same_from_run_to_run_and_near_for_near_shapes():
    images = np.stack([hero(shape, colour) for shape in range(12) for colour in CLOTH.values()])
    members = [range(5 * shape, 5 * shape + 5) for shape in range(12)]
    described = describe_groups(images, members)
    assert np.array_equal(described, describe_groups(images, members))
    apart = np.linalg.norm(described[:, None] - described[None], axis=2)
    assert apart[0, 1] < apart[0, 9]


@pytest.mark.parametrize("spread", [0.8, 1.6, 2.4])
def test_stated_confidence_is_kept(spread):
    stated, right = [], []
    for seed in range(5):
        described, truth = clouds(classes=3, groups=400, spread=spread, seed=seed)
        found, warnings = suggest(
            described, [name if index < 100 else None for index, name in enumerate(truth)], "kind"
        )
        assert not warnings and found[:100] == [None] * 100
        stated += [guess.confidence for guess in found[100:]]
        right += [guess.class_name == name for guess, name in zip(found[100:], truth[100:], strict=True)]
    stated, right = np.array(stated), np.array(right)
    assert abs(stated.mean() - right.mean()) < 0.05
    assert right[stated > 0.9].mean() > 0.9
    assert right.mean() > 0.5  # a third by chance


def test_labels_that_mean_nothing_are_not_suggested_with_confidence():
    described, _ = clouds(classes=1, groups=300, spread=1.0)
    chance = np.random.default_rng(1).choice(["a", "b"], 300)
    found, _ = suggest(described, [*chance[:100], *[None] * 200], "kind")
    assert np.mean([guess.confidence > 0.9 for guess in found[100:]]) < 0.05


def test_too_few_labels_suggest_nothing_and_say_so():
    described, truth = clouds(classes=2, groups=30, spread=0.5)
    for known in (5, 9):
        found, warnings = suggest(described, [*truth[:known], *[None] * (30 - known)], "kind")
        assert found == [None] * 30 and "kind" in warnings[0]
    found, warnings = suggest(described, [*["class0"] * 20, *[None] * 10], "kind")  # one class only
    assert found == [None] * 30 and len(warnings) == 1
    found, warnings = suggest(described, [*truth[:20], "rare", *[None] * 9], "kind")
    assert "rare" in warnings[0] and all(guess.class_name != "rare" for guess in found[21:])


def test_nothing_to_suggest_is_no_warning():
    described, truth = clouds(classes=2, groups=12, spread=0.5)
    assert suggest(described, truth, "kind") == ([None] * 12, [])
