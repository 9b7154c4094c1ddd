"""The label classifier learns planted attributes, classifies unseen colours, and is the same for the same seed."""

import numpy as np
import pytest
import torch

from src.errors import InputError
from src.evaluation import label_classifier
from src.evaluation.label_classifier import kept_classifier, recolour, shift, train_classifier
from src.evaluation.label_network import LabelNetwork
from src.labels import LabelSpecification

pytestmark = pytest.mark.usefixtures("fp32")  # what evaluates a run trains in the hardware's format
SPECIFICATION = LabelSpecification({"shape": ("bar", "ring"), "tone": ("blue", "red")})


def planted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """16x16 figures: a filled bar or a ring, somewhere, blue or red."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 2, (count, 2)).astype(np.int64)
    images = np.zeros((count, 16, 16, 4), np.uint8)
    for image, (shape, tone) in zip(images, labels, strict=True):
        top, left = random.randint(2, 6, 2)
        colour = (40, 40, 220, 255) if tone == 0 else (220, 40, 40, 255)
        if shape == 0:
            image[top : top + 8, left + 2 : left + 5] = colour
        else:
            image[top : top + 8, left : left + 8] = colour
            image[top + 2 : top + 6, left + 2 : left + 6] = 0
    return images, labels


@pytest.fixture(scope="module")
def classifier():
    return train_classifier(*planted(400, 0), SPECIFICATION, seed=0, images_seen=6400)


def test_planted_attributes_are_learned_shape_and_colour_alike(classifier):
    images, labels = planted(200, 1)
    assert (classifier.predict(images) == labels).mean(axis=0).min() > 0.95


def test_shape_is_seen_in_colours_never_trained_on(classifier):
    images, labels = planted(200, 2)
    green = images.copy()
    green[..., :3] = np.where(images[..., 3:] > 0, np.uint8([60, 200, 60]), 0)
    assert (classifier.predict(green)[:, 0] == labels[:, 0]).mean() > 0.95


def test_probabilities_and_features_have_their_shapes_and_do_not_depend_on_the_batch(classifier):
    images, _ = planted(70, 3)
    probabilities = classifier.probabilities(images)
    assert [rows.shape for rows in probabilities] == [(70, 2), (70, 2)]
    np.testing.assert_allclose(probabilities[0].sum(axis=1), 1, atol=1e-5)
    features = classifier.features(images)
    assert features.dtype == np.float32 and features.shape == (70, 512)
    np.testing.assert_allclose(classifier.features(images[:3]), features[:3], atol=1e-4)


def test_the_same_seed_gives_the_same_classifier_and_leaves_the_random_state_alone():
    images, labels = planted(64, 0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (
        train_classifier(images, labels, SPECIFICATION, seed, images_seen=192).features(images) for seed in (3, 3, 4)
    )
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_recolouring_keeps_alpha_and_flat_areas():
    images = torch.from_numpy(planted(20, 0)[0]).float().permute(0, 3, 1, 2) / 255
    changed = recolour(images)
    torch.testing.assert_close(changed[:, 3], images[:, 3])
    assert (changed[:, :3] * (1 - images[:, 3:])).abs().max() == 0
    for image in changed:
        visible = image[:3, image[3] > 0]
        torch.testing.assert_close(visible, visible[:, :1].expand_as(visible))
    assert (changed - images).abs().max() > 0.1


def test_shifts_move_whole_portraits_by_at_most_a_sixteenth():
    images = torch.zeros(60, 1, 16, 16)
    images[:, :, 8, 8] = 1
    places = shift(images)[:, 0].nonzero()
    assert len(places) == 60
    assert set(places[:, 1].tolist()) == set(places[:, 2].tolist()) == {7, 8, 9}


def test_nothing_to_learn_is_an_input_error():
    images, _ = planted(4, 0)
    with pytest.raises(InputError, match="no attributes"):
        train_classifier(images, np.zeros((4, 0), np.int64), LabelSpecification())
    with pytest.raises(InputError, match="no portraits"):
        train_classifier(images[:0], np.zeros((0, 2), np.int64), SPECIFICATION)


def test_it_is_kept_and_a_damaged_one_is_trained_anew(tmp_path, monkeypatch):
    images, labels = planted(64, 0)
    lines = []

    def classify(fingerprint="f" * 64, seed=0):
        return kept_classifier(tmp_path, fingerprint, images, labels, SPECIFICATION, seed, lines.append)

    monkeypatch.setattr(label_classifier, "IMAGES_SEEN", 128)
    first, again = classify(), classify()
    assert len(lines) == 1 and np.array_equal(first.features(images), again.features(images))
    classify(seed=1), classify(fingerprint="e" * 64)
    assert len(lines) == 3
    path = tmp_path / f"label_classifier_{'f' * 16}_0.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert np.array_equal(classify().features(images), first.features(images)) and len(lines) == 4
    monkeypatch.setattr(label_classifier, "IMAGES_SEEN", 192)  # one that was trained longer takes its place
    classify(), classify()
    assert len(lines) == 5


@pytest.mark.parametrize("size", [4, 8, 20, 40, 52, 64])
def test_sides_that_do_not_halve_evenly_are_classified_too(size):
    network = LabelNetwork(4, (2, 3)).eval()
    assert [logits.shape for logits in network(torch.zeros(2, 4, size, size))] == [(2, 2), (2, 3)]
