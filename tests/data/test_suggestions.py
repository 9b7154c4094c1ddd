import numpy as np
import pytest
from scipy.sparse import csr_matrix

from src.data.suggestions import correlation_ratios, describe_groups, describe_portrait, details_of, suggest
from tests.data.art import CLOTH, hero


def clouds(classes, groups, spread, seed=0):
    """Points around a centre for each class: descriptions `[G, 20]` and the class of each."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(classes, 20))
    index = generator.integers(0, classes, groups)
    return (centres[index] + spread * generator.normal(size=(groups, 20))), [f"class{number}" for number in index]


def test_a_description_does_not_depend_on_a_recolouring_that_keeps_the_order_of_lightness():
    bright = hero(3, (220, 60, 40))
    assert np.array_equal(describe_portrait(bright), describe_portrait((bright // [2, 2, 2, 1]).astype(np.uint8)))
    assert not np.array_equal(describe_portrait(bright), describe_portrait(hero(4, (220, 60, 40))))


def test_relations_of_a_pixel_to_its_neighbours():
    image = np.zeros((2, 2, 4), np.uint8)
    image[0, 1], image[1, 0], image[1, 1] = (9, 9, 9, 255), (9, 9, 9, 255), (99, 99, 99, 255)

    def relation(
        visible, from_left, from_above
    ):  # (0, 0) alike, (1, -1) changed and darker, (1, 1) changed and lighter
        return ((visible * 2 + from_left[0]) * 3 + from_left[1] + 1) * 6 + from_above[0] * 3 + from_above[1] + 1

    alike, darker, lighter = (0, 0), (1, -1), (1, 1)
    assert describe_portrait(image).tolist() == [
        [relation(0, alike, alike), relation(1, darker, alike)],
        [relation(1, alike, darker), relation(1, lighter, lighter)],
    ]


def test_descriptions_are_the_same_from_run_to_run_and_near_for_near_shapes():
    images = np.stack([hero(shape, colour) for shape in range(12) for colour in CLOTH.values()])
    members = [range(5 * shape, 5 * shape + 5) for shape in range(12)]
    described = describe_groups(images, members).toarray()
    assert np.array_equal(described, describe_groups(images, members).toarray())
    assert described.min() == 0 and described.max() == 1
    apart = np.linalg.norm(described[:, None] - described[None], axis=2)
    assert apart[0, 1] < apart[0, 9]


def test_a_detail_that_moves_a_little_is_shared_and_one_that_moves_far_is_not():
    portraits = []
    for place in (20, 22, 52):
        image = np.zeros((64, 64, 4), np.uint8)
        image[place : place + 3, place : place + 3] = (200, 10, 10, 255)
        portraits.append(set(details_of(image)))
    assert portraits[0] & portraits[1]
    assert not portraits[0] & portraits[2]


def test_correlation_ratios_against_the_formula():
    generator = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], [10, 6, 14])
    described = generator.random((30, 5)).astype(np.float32)
    described[:, 1] += classes
    described[:, 2], described[:, 3] = classes == 1, 0.5
    within = sum(
        ((described[classes == one] - described[classes == one].mean(axis=0)) ** 2).sum(axis=0) for one in range(3)
    )
    total = np.maximum(((described - described.mean(axis=0)) ** 2).sum(axis=0), 1e-12)
    # Kelley's: the variances, each by its degrees of freedom.
    expected = np.clip(1 - (within / 27) / (total / 29), 0, 1) * (total > 1e-6)
    found = correlation_ratios(csr_matrix(described), classes)
    assert found == pytest.approx(expected, abs=1e-4)
    assert found[2] == pytest.approx(1, abs=1e-4) and found[3] == 0


def test_an_attribute_shown_by_one_small_part_that_moves_is_found_among_large_ones_that_say_nothing():
    generator = np.random.default_rng(0)
    parts = generator.integers(0, 4, (8, 3, 20, 44))  # 8 heads, bodies, legs; each in four tones
    tones = np.array([[30, 30, 30], [90, 60, 60], [150, 90, 90], [220, 180, 160]])
    images, truth = [], []
    for number in range(160):
        image = np.zeros((64, 64, 4), np.uint8)
        for row in range(3):
            image[2 + 20 * row : 22 + 20 * row, 10:54, :3] = tones[parts[generator.integers(8), row]]
        image[2:62, 10:54, 3] = 255
        down, right = generator.integers(0, 5, 2)
        mark = np.array([[3, 0, 3], [0, 0, 0], [3, 0, 3]] if number % 2 else [[0, 3, 0], [3, 0, 3], [0, 3, 0]])
        image[28 + down : 31 + down, 30 + right : 33 + right, :3] = tones[mark]
        images.append(image)
        truth.append(("beard", "none")[number % 2])
    described = describe_groups(np.stack(images), [[number] for number in range(160)])
    found, _ = suggest(described, [*truth[:60], *[None] * 100], "chin")
    right = np.mean([guess.class_name == name for guess, name in zip(found[60:], truth[60:], strict=True)])
    assert right > 0.8  # half by chance


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
