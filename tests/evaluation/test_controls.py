import numpy as np
import pytest

from src.evaluation.controls import GRAIN, blurred, copies, grained, mirrored, recoloured, shuffled
from tests.conftest import make_portraits


@pytest.fixture
def images():
    return make_portraits(7)[0]


def test_blur_is_a_gaussian_of_one_pixel_cut_off_at_three():
    image = np.full((1, 16, 16, 4), 255, np.uint8)
    image[..., 8:, :3] = 0
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    expected = 255 * np.convolve(np.arange(16) < 8, kernel / kernel.sum(), "same")
    inner = (0, slice(4, -4), slice(4, -4))
    assert blurred(image)[inner][..., 0] == pytest.approx(np.broadcast_to(expected[4:-4], (8, 8)), abs=1)


def test_blur_darkens_no_edge_and_a_flat_figure_stays_flat():
    image = np.zeros((1, 16, 16, 4), np.uint8)
    image[:, 4:12, 4:12] = (200, 100, 40, 255)
    result = blurred(image)
    assert set(np.unique(result[..., 3])) == {0, 255}
    assert np.abs(result[result[..., 3] > 0].astype(int) - (200, 100, 40, 255)).max() <= 1
    assert (result[result[..., 3] == 0] == 0).all()


def test_grain_has_the_stated_deviation_and_touches_opaque_pixels_alone():
    image = np.zeros((3, 64, 64, 4), np.uint8)
    image[:, 8:56, 8:56] = (120, 128, 100, 255)
    result = grained(image, 0)
    assert (result[image[..., 3] == 0] == 0).all() and (result[..., 3] == image[..., 3]).all()
    added = result[image[..., 3] > 0].astype(float)[:, :3] - (120, 128, 100)
    # 6912 draws: the mean is known to 0.14, the deviation to 0.1 (one standard error).
    assert np.abs(added.mean(axis=0)).max() < 0.7
    assert added.std(axis=0) == pytest.approx(GRAIN, abs=0.5)
    assert np.abs(np.corrcoef(added.T) - np.eye(3)).max() < 0.06
    assert np.array_equal(grained(image, 0), result) and not np.array_equal(grained(image, 1), result)


def test_shuffling_keeps_every_block_and_moves_most(images):
    result = shuffled(images, 0)

    def blocks(image):
        return sorted(image[y : y + 4, x : x + 4].tobytes() for y in range(0, 16, 4) for x in range(0, 16, 4))

    assert all(blocks(one) == blocks(other) for one, other in zip(images, result, strict=True))
    assert all((one != other).any() for one, other in zip(images, result, strict=True))
    assert np.array_equal(shuffled(images, 0), result) and not np.array_equal(shuffled(images, 1), result)


def test_copies_are_plain_mirrored_and_recoloured(images):
    result = copies(images, 0)
    assert np.array_equal(result[::3], images[::3])
    assert np.array_equal(result[1::3], images[1::3, :, ::-1]) and np.array_equal(mirrored(result)[1::3], images[1::3])
    swapped = result[2::3]
    assert np.array_equal(np.sort(swapped[..., :3]), np.sort(images[2::3, ..., :3]))
    assert (swapped[..., 3] == images[2::3, ..., 3]).all()
    assert all((one != other).any() for one, other in zip(swapped, images[2::3], strict=True))


def test_recolouring_moves_whole_channels(images):
    result = recoloured(images, 3)
    for one, other in zip(images, result, strict=True):
        channels = [one[..., channel].tobytes() for channel in range(3)]
        orders = [channels.index(other[..., channel].tobytes()) for channel in range(3)]
        assert sorted(orders) == [0, 1, 2] != orders
