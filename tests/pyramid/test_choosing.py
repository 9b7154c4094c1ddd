"""Uniform numbers choose with the right probabilities, and what was chosen before stays where it fits."""

import math

import pytest
import torch

from src.pyramid.choosing import Choices, choose, inverse_cdf, only_the_likeliest


def test_inverse_cdf_draws_a_planted_distribution():
    shares = torch.tensor([0.5, 0.0, 0.2, 0.3])
    logits = shares.log().expand(20_000, 4)
    found = torch.bincount(inverse_cdf(logits, torch.rand(20_000)), minlength=4) / 20_000
    torch.testing.assert_close(found, shares, rtol=0, atol=0.014)  # four standard deviations
    assert found[1] == 0


@pytest.mark.parametrize(("uniform", "code"), [(0.0, 0), (0.49, 0), (0.51, 3), (0.79, 3), (0.81, 2), (1.0, 2)])
def test_inverse_cdf_by_hand(uniform, code):
    logits = torch.tensor([[0.5, 0.0, 0.2, 0.3]]).log()
    assert inverse_cdf(logits, torch.tensor([uniform])).item() == code


def test_a_share_of_the_uniform_numbers_draws_the_likeliest_codes_alone():
    logits = torch.tensor([0.1, 0.4, 0.2, 0.3]).log().expand(20_000, 4)
    latents = only_the_likeliest(torch.randn(20_000), 0.7)
    found = torch.bincount(inverse_cdf(logits, torch.special.ndtr(latents.double())), minlength=4) / 20_000
    torch.testing.assert_close(found, torch.tensor([0.0, 4 / 7, 0.0, 3 / 7]), rtol=0, atol=0.014)
    whole = torch.randn(7)
    torch.testing.assert_close(only_the_likeliest(whole, 1.0), whole)


def test_inverse_cdf_never_picks_an_impossible_class():
    """At 0 the first class would do, had it any probability."""
    logits = torch.tensor([[0.0, 0.5, 0.5]]).log()
    assert inverse_cdf(logits, torch.tensor([0.0])).item() == 1


SHARES = torch.tensor([0.5, 0.0, 0.2, 0.3])


def test_a_choice_says_how_likely_it_was():
    chosen = choose(SHARES.log().expand(3, 4) + 7.0, torch.tensor([0.1, 0.6, 0.9]))
    assert chosen.classes.tolist() == [0, 3, 2]
    torch.testing.assert_close(chosen.log_probabilities.exp(), torch.tensor([0.5, 0.3, 0.2]))


@pytest.mark.parametrize(
    ("was", "keep", "stays"),
    [
        (0.2, 0.0, True),  # as likely as before
        (0.1, 0.0, True),  # likelier now
        (0.4, 0.0, False),  # half as likely now
        (0.4, math.log(2) + 1e-4, True),
        (0.4, math.log(2) - 1e-4, False),
    ],
)
def test_an_earlier_choice_stays_if_it_is_nearly_as_likely_as_it_was(was, keep, stays):
    before = Choices(torch.tensor([2]), torch.tensor([was]).log())
    chosen = choose(SHARES.log()[None], torch.tensor([0.1]), before, keep)
    assert chosen.classes.item() == (2 if stays else 0)
    assert chosen.log_probabilities.exp().item() == pytest.approx(0.2 if stays else 0.5)


def test_the_same_circumstances_give_the_same_choices_and_an_endless_keep_all():
    logits, uniforms = torch.randn(500, 7), torch.rand(500)
    before = choose(logits, uniforms)
    assert torch.equal(choose(logits, torch.rand(500), before, 0.0).classes, before.classes)
    other = torch.randn(500, 7)
    assert torch.equal(choose(other, uniforms, before, math.inf).classes, before.classes)
    kept = [(choose(other, uniforms, before, keep).classes == before.classes).sum() for keep in (0.0, 0.5, 1.0, 2.0)]
    assert kept == sorted(kept) and kept[0] < kept[-1]


def test_some_choices_by_an_index():
    choices = Choices(torch.arange(6).reshape(2, 3), torch.zeros(2, 3))
    assert choices.at((slice(None), 1)).classes.tolist() == [1, 4]
