import numpy as np
import pytest
import torch

from src.evaluation.controls import blurred, mirrored, recoloured, shuffled
from src.evaluation.feature_spaces import Scale
from src.evaluation.random_features import CHANNELS, PARTS, SEEDS, RandomFeatures, random_features
from src.painter import paint_heroes
from tests.conftest import make_portraits


@pytest.fixture(scope="module")
def heroes():
    return np.stack([picture for _, _, picture in paint_heroes(48, seed=3)])


def test_the_weights_are_the_same_on_every_machine():
    """The first numbers of RandomState(0), scaled by He's rule: no torch generator has a hand in it."""
    torch.manual_seed(5)
    weight = RandomFeatures(0).layers[0].weight
    expected = np.random.RandomState(0).standard_normal(CHANNELS[0] * 36) * np.sqrt(2 / 36)
    assert np.array_equal(weight.numpy().ravel(), expected.astype(np.float32))
    assert weight[0, 0, 0, 0].item() == pytest.approx(1.764052 * np.sqrt(2 / 36), abs=1e-6)


def test_a_vector_holds_channel_moments_and_parts():
    images = make_portraits(3)[0]
    network = RandomFeatures(1)
    vectors = random_features(images, 1)
    assert vectors.shape == (3, 2 * sum(CHANNELS) + PARTS**2 * CHANNELS[-1])
    with torch.inference_mode():
        first = torch.relu(network.layers[0](torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255))
    assert vectors[:, : CHANNELS[0]] == pytest.approx(first.mean(dim=(2, 3)).numpy(), abs=1e-5)
    deviation = first.flatten(2).std(dim=2, correction=0).numpy()
    assert vectors[:, CHANNELS[0] : 2 * CHANNELS[0]] == pytest.approx(deviation, abs=1e-4)


def test_a_portrait_has_its_vector_in_any_company():
    images = make_portraits(70)[0]
    together = random_features(images, 0)
    assert random_features(images[65:66], 0) == pytest.approx(together[65:66], abs=1e-5)
    assert not np.allclose(random_features(images, 1), together)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "change",
    [blurred, lambda images: shuffled(images, 0), lambda images: recoloured(images, 0), mirrored],
    ids=["blur", "shuffle", "colours", "mirror"],
)
def test_both_networks_see_every_change(heroes, seed, change):
    """A changed portrait lies farther from its original than rounding could put it, and changed portraits lie, on the
    average, elsewhere than the originals."""
    vectors, changed = (random_features(images, seed) for images in (heroes, change(heroes)))
    scale = Scale.of(vectors)
    moved = np.linalg.norm(scale(changed) - scale(vectors), axis=1)
    assert moved.min() > 0.5


def test_the_scale_gives_unit_deviation_but_blows_up_no_dead_coordinate():
    random = np.random.RandomState(0)
    vectors = random.standard_normal((500, 4)) * [1.0, 2.0, 3.0, 1e-6] + 7
    scaled = Scale.of(vectors)(vectors)
    assert scaled.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert scaled.std(axis=0)[1:3] == pytest.approx(1, rel=0.6)
    assert scaled.std(axis=0)[2] == pytest.approx(1)
    assert scaled.std(axis=0)[3] < 1e-5
