"""Codes of rounded numbers: counted through, there and back, and with a gradient."""

from __future__ import annotations

import itertools

import pytest
import torch

from src.models.finite_scalar_quantiser import FiniteScalarQuantiser


def test_every_code_has_its_own_vector_and_every_vector_its_code() -> None:
    quantiser = FiniteScalarQuantiser([4, 3, 2])
    grid = [torch.linspace(-1, 1, levels).tolist() for levels in (4, 3, 2)]
    expected = {tuple(round(value, 5) for value in vector) for vector in itertools.product(*grid)}
    vectors = quantiser.lookup(torch.arange(quantiser.code_count))
    assert quantiser.code_count == 24
    assert {tuple(round(value, 5) for value in vector) for vector in vectors.tolist()} == expected


def test_quantised_vectors_are_those_of_their_codes() -> None:
    quantiser = FiniteScalarQuantiser([8, 5, 5, 5])
    vectors = 3 * torch.randn(7, 6, 4, generator=torch.Generator().manual_seed(0))
    quantised, codes = quantiser(vectors)
    torch.testing.assert_close(quantised, quantiser.lookup(codes))
    # The level nearest to the squeezed number, found without arithmetic.
    levels = torch.linspace(-1, 1, 8)
    nearest = levels[(2 * torch.sigmoid(1.702 * vectors[..., :1]) - 1 - levels).abs().argmin(dim=-1)]
    torch.testing.assert_close(quantised[..., 0], nearest)


def test_the_gradient_passes_the_rounding_but_not_the_squeezing() -> None:
    quantiser = FiniteScalarQuantiser([5, 4])
    vectors = torch.tensor([[0.3, -1.2]], requires_grad=True)
    quantiser(vectors)[0].sum().backward()
    slope = 1.702 * torch.sigmoid(1.702 * vectors) * (1 - torch.sigmoid(1.702 * vectors))
    torch.testing.assert_close(vectors.grad, 2 * slope.detach())


def test_standard_normal_vectors_use_inner_levels_alike_and_every_level() -> None:
    quantiser = FiniteScalarQuantiser([8])
    _, codes = quantiser(torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0)))
    shares = codes.bincount(minlength=8) / len(codes)
    # Rounding gives the first and the last level half an interval each.
    expected = torch.tensor([0.5, 1, 1, 1, 1, 1, 1, 0.5]) / 7
    torch.testing.assert_close(shares, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("levels", [[], [8, 1]])
def test_a_number_without_a_choice_is_refused(levels: list[int]) -> None:
    with pytest.raises(ValueError, match="at least two levels"):
        FiniteScalarQuantiser(levels)
