"""The prior is causal, knows the labels, and draws what its probabilities say."""

import pytest
import torch

from src.pyramid.choosing import inverse_cdf
from src.pyramid.layers import Cache
from src.zoo.code_prior import CodePrior

CODES, POSITIONS = 6, 9


def build(class_counts=(2, 3)):
    return CodePrior(CODES, POSITIONS, class_counts, width=16, layers=2, heads=2, dropout=0.0).eval()


def test_a_code_changes_the_logits_of_later_positions_alone():
    prior, codes = build(), torch.randint(CODES, (2, POSITIONS))
    labels = torch.zeros(2, 2, dtype=torch.int64)
    before = prior(codes, labels)
    assert before.shape == (2, POSITIONS, CODES)
    for position in range(POSITIONS):
        other = codes.clone()
        other[:, position] = (other[:, position] + 1) % CODES
        change = (prior(other, labels) - before).abs().amax(dim=(0, 2))
        assert change[: position + 1].max() == 0
        assert position == POSITIONS - 1 or change[position + 1 :].min() > 1e-6


@pytest.mark.parametrize("attribute", [0, 1])
def test_each_label_changes_every_position(attribute):
    prior, codes = build(), torch.randint(CODES, (2, POSITIONS))
    labels = torch.zeros(2, 2, dtype=torch.int64)
    other = labels.clone()
    other[:, attribute] = 1
    assert (prior(codes, other) - prior(codes, labels)).abs().amax(dim=(0, 2)).min() > 1e-4


def test_position_by_position_gives_what_the_whole_pass_gives():
    prior, labels = build(), torch.tensor([[0, 0], [1, 2], [1, 1]])
    uniforms = torch.rand(3, POSITIONS)
    codes = prior.sample(uniforms, labels)
    logits = prior(codes, labels)
    again = torch.stack([inverse_cdf(logits[:, i], uniforms[:, i]) for i in range(POSITIONS)], dim=1)
    assert torch.equal(codes, again)
    assert len(codes.unique()) > 2


def test_incremental_features_equal_the_full_ones():
    block = build().blocks[0]
    features = torch.randn(2, 5, 16)
    whole = block(features)
    past = Cache(5)
    rows = [block(features[:, position : position + 1], past) for position in range(5)]
    torch.testing.assert_close(torch.cat(rows, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_sample_does_not_depend_on_its_batch():
    prior, labels, uniforms = build(), torch.tensor([[0, 0], [1, 2], [1, 1]]), torch.rand(3, POSITIONS)
    together = prior.sample(uniforms, labels)
    assert torch.equal(prior.sample(uniforms[1:2], labels[1:2]), together[1:2])


def test_it_learns_a_planted_rule_and_samples_it():
    """Codes count upwards from a start that the label gives."""
    prior = CodePrior(CODES, POSITIONS, (3,), width=16, layers=1, heads=2, dropout=0.0)
    optimizer = torch.optim.Adam(prior.parameters(), 0.02)
    labels = torch.arange(30)[:, None] % 3
    codes = (2 * labels + torch.arange(POSITIONS)) % CODES
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(prior(codes, labels).flatten(0, 1), codes.flatten()).backward()
        optimizer.step()
    sampled = prior.eval().sample(0.1 + 0.8 * torch.rand(30, POSITIONS), labels)
    assert torch.equal(sampled, codes)


def test_works_without_attributes():
    codes = build(()).sample(torch.rand(2, POSITIONS), torch.zeros(2, 0, dtype=torch.int64))
    assert codes.shape == (2, POSITIONS)


def test_a_width_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="multiple of prior_heads"):
        CodePrior(4, 4, (), width=10, heads=4)
