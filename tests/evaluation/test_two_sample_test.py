"""The two-sample test guesses between sets of one origin, sees what is shifted, and never cuts a group."""

import numpy as np
import pytest
import torch

from src.errors import InputError
from src.evaluation import two_sample_test as tests
from src.evaluation.two_sample_test import area_under_curve, evenly, split_groups, two_sample_test


def metrics(count: int, seed: int, grain: int = 0) -> np.ndarray:
    """16x16 portraits: a ring of a random colour and place, with grain on its colours or not."""
    random = np.random.RandomState(seed)
    images = np.zeros((count, 16, 16, 4), np.uint8)
    for image in images:
        top, left = random.randint(2, 6, 2)
        image[top : top + 8, left : left + 8] = (*random.randint(40, 216, 3), 255)
        image[top + 2 : top + 6, left + 2 : left + 6] = 0
    noise = random.randint(-grain, grain + 1, (*images.shape[:3], 3))
    images[..., :3] = np.where(images[..., 3:] > 0, images[..., :3].astype(int) + noise, 0)
    return images


def test_sets_of_one_origin_leave_it_guessing_and_a_shifted_one_does_not():
    reals = metrics(200, 0)
    alike = two_sample_test(metrics(200, 1), reals, steps=20)
    # 60 a side are asked about by each of three networks: the standard error of guessing is at most 0.046.
    assert alike.accuracy.value == pytest.approx(0.5, abs=0.12) and alike.auc.value == pytest.approx(0.5, abs=0.15)
    assert 0.01 < alike.accuracy.spread < 0.12
    assert (alike.learned, alike.asked, alike.seeds) == (140, 60, 3)
    grained = two_sample_test(metrics(200, 2, grain=20), reals, seeds=(0, 1), steps=30)
    assert grained.accuracy.value > 0.95 and grained.auc.value > 0.98
    assert grained.accuracy.spread < 0.05


def test_alpha_is_seen_but_not_the_colour_of_what_is_transparent():
    reals = metrics(120, 0)
    hidden, holes = metrics(120, 1), metrics(120, 2)
    hidden[hidden[..., 3] == 0] = (255, 0, 0, 0)
    holes[:, 1::4, 1::2] = 0
    assert two_sample_test(hidden, reals, seeds=(0,), steps=40).accuracy.value < 0.7
    assert two_sample_test(holes, reals, seeds=(0,), steps=40).accuracy.value > 0.9


def test_a_seed_gives_one_answer_and_leaves_the_random_state_alone():
    samples, reals = metrics(80, 1), metrics(90, 0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (two_sample_test(samples, reals, seeds=(seed,), steps=10) for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again and first != other


def test_groups_are_never_cut(monkeypatch):
    groups = np.repeat(np.arange(40), 5)
    # Recolours of one silhouette: were groups cut, a network could know those it is asked about.
    images = np.repeat(metrics(40, 0), 5, axis=0)
    images[..., 2] = (images[..., 3] > 0) * np.repeat(np.arange(40), 5)[:, None, None]
    seen = {}

    def remember(network, samples, reals, steps, device):
        seen["learned"] = set(np.unique(reals[..., 2][reals[..., 3] > 0]))

    def score(network, asked, device):
        reals = asked[len(asked) // 2 :]
        seen["asked"] = set(np.unique(reals[..., 2][reals[..., 3] > 0]))
        return np.linspace(1, -1, len(asked))

    monkeypatch.setattr(tests, "train", remember)
    monkeypatch.setattr(tests, "scores", score)
    for seed in range(5):
        result = two_sample_test(metrics(200, 9), images, None, groups, seeds=(seed,))
        assert not seen["learned"] & seen["asked"] and len(seen["asked"]) >= 10
        assert result.accuracy.value == 1 and result.auc.value == 1


def test_the_cut_keeps_groups_whole_and_about_the_share():
    groups = np.random.RandomState(0).randint(0, 60, 300)
    for seed in range(10):
        learned = split_groups(groups, 0.7, seed)
        assert not set(groups[learned]) & set(groups[~learned])
        assert learned.mean() == pytest.approx(0.7, abs=0.05)
    assert (split_groups(groups, 0.7, 0) != split_groups(groups, 0.7, 1)).any()


def test_the_first_of_every_group_is_taken_before_the_second_of_any():
    groups = np.array(["b", "b", "b", "a", "c", "c"])
    assert evenly(groups, 3).tolist() == [0, 3, 4]
    assert evenly(groups, 5).tolist() == [0, 1, 3, 4, 5]
    assert evenly(groups, 6).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_area_under_the_curve_by_hand():
    positive = np.array([True, True, False, False])
    assert area_under_curve(np.array([4, 3, 2, 1]), positive) == 1
    assert area_under_curve(np.array([4, 1, 3, 2]), positive) == 0.5
    assert area_under_curve(np.array([2, 2, 2, 2]), positive) == 0.5
    assert area_under_curve(np.array([2, 1, 2, 0]), positive) == 0.625


def test_too_few_portraits_or_groups_are_an_input_error():
    with pytest.raises(InputError, match="54 portraits a side"):
        two_sample_test(metrics(40, 0), metrics(100, 1))
    with pytest.raises(InputError, match="groups"):
        two_sample_test(metrics(100, 0), metrics(100, 1), None, np.zeros(100))
