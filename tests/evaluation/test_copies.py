"""The copy check on painted heroes: planted copies are found in every disguise, heroes never trained on are not."""

import numpy as np
import pytest

from src.errors import InputError
from src.evaluation.copies import check_copies
from src.painter import paint_heroes


@pytest.fixture(scope="module")
def heroes():
    """Training portraits, validation portraits, and others, none of a silhouette of another part."""
    names, images = zip(*((name, image) for name, _, image in paint_heroes(600, seed=0, recolours=19)), strict=True)
    silhouettes = np.array([name.split("_")[1] for name in names])
    images = np.stack(images)
    order = np.unique(silhouettes)
    part = np.searchsorted(order, silhouettes) / len(order)
    return images[part < 0.6], images[(part >= 0.6) & (part < 0.8)], images[part >= 0.8]


def recoloured(images):
    return np.ascontiguousarray(images[..., [2, 0, 1, 3]])


def mirrored(images):
    return np.ascontiguousarray(images[:, :, ::-1])


def touched_up(images):
    changed = images.copy()
    random = np.random.RandomState(0)
    for image in changed:
        rows, columns = np.nonzero(image[..., 3])
        for place in random.randint(0, len(rows), 20):
            image[rows[place], columns[place], :3] = random.randint(0, 256, 3)
    return changed


def shifted(images):
    return np.pad(images, ((0, 0), (0, 1), (1, 0), (0, 0)))[:, 1:, :-1]


def test_heroes_of_other_silhouettes_are_not_flagged(heroes):
    train, validation, others = heroes
    check = check_copies(others, train, validation)
    assert not check.flagged
    assert check.details["real_distance_median"] <= 1


@pytest.mark.parametrize(
    "disguise", [np.array, mirrored, recoloured, touched_up, shifted, lambda x: shifted(mirrored(recoloured(x)))]
)
def test_copies_are_found_in_every_disguise(heroes, disguise):
    train, validation, _ = heroes
    chosen = np.arange(0, len(train), 23)
    check = check_copies(disguise(train[chosen]), train, validation)
    assert check.share > 0.9
    assert check.margin_median > 0 or disguise is not np.array


def test_one_copy_in_ten_is_flagged_among_two_hundred(heroes):
    train, validation, others = heroes
    samples = others[np.random.RandomState(0).randint(0, len(others), 200)]
    copies = train[::17][:20]
    samples[:5], samples[5:10] = copies[:5], mirrored(copies[5:10])
    samples[10:15], samples[15:20] = recoloured(copies[10:15]), touched_up(copies[15:20])
    check = check_copies(samples, train, validation)
    assert check.flagged and check.p_value < 0.001
    assert check.too_close[:20].mean() > 0.9
    assert check.too_close[20:].mean() <= 0.03


def test_twins_between_the_splits_are_allowed_for(heroes):
    train, validation, others = heroes
    twins = recoloured(train[::20][:12])
    check = check_copies(
        np.concatenate([others[:100], recoloured(train[5::20][:8])]), train, np.concatenate([validation, twins])
    )
    assert check.expected_share > 0.05
    assert not check.flagged


def test_pairs_say_which_portrait_and_how(heroes):
    train, validation, _ = heroes
    samples = np.concatenate([train[7:8], mirrored(train[150:151])])
    check = check_copies(samples, train, validation)
    assert dict(check.pairs.tolist()) == {0: 7, 1: 150}
    assert dict(zip(check.pairs[:, 0].tolist(), check.mirrored.tolist(), strict=True)) == {0: False, 1: True}
    assert not check.recoloured.any()
    assert check.distances.max() < 1e-9
    assert check_copies(recoloured(train[7:8]), train, validation).recoloured.all()


def test_missing_portraits_and_other_sizes_are_input_errors(heroes):
    train, validation, others = heroes
    with pytest.raises(InputError, match="no validation"):
        check_copies(others, train, validation[:0])
    with pytest.raises(InputError, match="another size"):
        check_copies(others[:, ::2, ::2], train, validation)
