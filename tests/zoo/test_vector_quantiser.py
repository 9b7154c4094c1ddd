"""Nearest codes, gradients that pass, running averages, revival."""

import math

import pytest
import torch

from src.zoo.vqvae import VectorQuantiser, perplexity, straight_through


def planted(codebook, counts=None, **values):
    quantiser = VectorQuantiser(*codebook.shape, **values)
    counts = torch.full((len(codebook),), 100.0) if counts is None else counts
    quantiser.counts.copy_(counts)
    quantiser.sums.copy_(codebook * counts[:, None])
    return quantiser


def test_nearest_code_against_brute_force():
    codebook, vectors = torch.randn(7, 3), torch.randn(2, 4, 4, 3)
    codes = planted(codebook).nearest(vectors)
    assert codes.shape == (2, 4, 4)
    for place in torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(4)).tolist():
        distances = [sum((a - b) ** 2 for a, b in zip(vectors[tuple(place)], code, strict=True)) for code in codebook]
        assert codes[tuple(place)] == min(range(7), key=lambda k: distances[k])


def test_lookup_gives_the_codes_vectors():
    codebook = torch.randn(7, 3)
    codes = torch.tensor([[0, 6], [3, 3]])
    torch.testing.assert_close(planted(codebook).lookup(codes), codebook[codes])


def test_straight_through_has_the_quantised_value_and_the_identity_as_gradient():
    vectors, quantised, weight = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3), torch.randn(5, 3)
    result = straight_through(vectors, quantised)
    torch.testing.assert_close(result, quantised)
    (weight * result).sum().backward()
    assert torch.equal(vectors.grad, weight)


def test_codes_follow_their_vectors_as_worked_out_by_hand():
    # Code 0 stands at 0, code 1 at 10, counts 2 and 4; decay 1/2. Vectors 1 and 3 go to code 0, 8 to code 1.
    quantiser = planted(torch.tensor([[0.0], [10.0]]), torch.tensor([2.0, 4.0]), decay=0.5)
    quantiser.learn(torch.tensor([[1.0], [3.0], [8.0]]))
    torch.testing.assert_close(quantiser.counts, torch.tensor([0.5 * 2 + 0.5 * 2, 0.5 * 4 + 0.5 * 1]))
    torch.testing.assert_close(quantiser.codebook, torch.tensor([[(0.5 * 4) / 2.0], [(0.5 * 40 + 0.5 * 8) / 2.5]]))


def test_a_dead_code_jumps_to_a_vector_that_is_served_badly_and_a_living_one_does_not():
    # Code 1 lies far from everything; all vectors but those at 5 are served exactly by code 0.
    quantiser = planted(torch.tensor([[0.0], [-1000.0]]), torch.tensor([8.0, 0.1]), dead_share=0.05)
    vectors = torch.zeros(10, 1)
    vectors[7:] = 5.0
    quantiser.learn(vectors)
    assert quantiser.codebook[1].item() == pytest.approx(5.0)
    assert quantiser.counts[1].item() == pytest.approx(2 * 0.05 * 10 / 2)
    assert quantiser.codebook[0].item() == pytest.approx(0.01 * 15 / (0.99 * 8 + 0.01 * 10))
    assert quantiser.nearest(torch.tensor([[4.9]])).item() == 1


def test_the_first_batch_alone_decides_where_the_codes_are():
    quantiser, vectors = VectorQuantiser(8, 2), torch.randn(200, 2) + 50
    quantiser.learn(vectors)
    assert (quantiser.codebook >= vectors.amin(dim=0) - 1e-2).all()
    assert (quantiser.codebook <= vectors.amax(dim=0) + 1e-2).all()
    assert len(quantiser.codebook.round(decimals=3).unique(dim=0)) > 4


def test_learning_finds_planted_clusters_and_no_code_stays_dead():
    centres = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [20.0, 20.0]])
    quantiser = VectorQuantiser(16, 2, decay=0.9)
    for _ in range(300):
        # Nine in ten vectors are background.
        which = torch.where(torch.rand(400) < 0.9, 0, torch.randint(5, (400,)))
        quantiser.learn(centres[which] + 0.1 * torch.randn(400, 2))
    assert torch.cdist(centres, quantiser.codebook).min(dim=1).values.max() < 0.3
    assert quantiser.counts.min() > 0.04 * 400 / 16


def test_learning_is_a_function_of_the_seed():
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        quantiser = VectorQuantiser(8, 2)
        quantiser.learn(torch.randn(50, 2))
        results.append(quantiser.codebook)
    assert torch.equal(*results)


def test_averages_of_sums_and_counts_are_codes_weighted_by_their_use():
    """What the training loop's moving average of buffers makes of a codebook, and of a revived code."""
    before = planted(torch.tensor([[2.0], [-50.0]]), torch.tensor([4.0, 0.01]))
    after = planted(torch.tensor([[4.0], [6.0]]), torch.tensor([4.0, 1.0]))
    before.sums.lerp_(after.sums, 0.25)
    before.counts.lerp_(after.counts, 0.25)
    assert before.codebook[0].item() == pytest.approx(2.5)
    assert before.codebook[1].item() == pytest.approx((0.75 * -0.5 + 0.25 * 6) / (0.75 * 0.01 + 0.25))
    assert before.codebook[1].item() > 4  # a quarter of the way, and the dead place counts next to nothing


def test_perplexity():
    assert perplexity(torch.tensor([3, 3, 3]), 5).item() == pytest.approx(1)
    assert perplexity(torch.arange(5), 8).item() == pytest.approx(5)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert perplexity(torch.tensor([0, 0, 0, 1]), 2).item() == pytest.approx(math.exp(entropy))
