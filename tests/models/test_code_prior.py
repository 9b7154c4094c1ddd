"""The prior is causal, knows the labels, and draws what its probabilities say."""

import pytest
import torch

from src.models.choosing import inverse_cdf
from src.models.code_prior import EVIDENCE, CodePrior

CODES, POSITIONS = 6, 9


def build(class_counts=(2, 3), guided=0):
    return CodePrior(CODES, POSITIONS, class_counts, width=16, layers=2, heads=2, dropout=0.0, guided=guided).eval()


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
    codes = prior.sample(uniforms, labels).classes
    logits = prior(codes, labels)
    again = torch.stack([inverse_cdf(logits[:, i], uniforms[:, i]) for i in range(POSITIONS)], dim=1)
    assert torch.equal(codes, again)
    assert len(codes.unique()) > 2


def test_incremental_features_equal_the_full_ones():
    block = build().blocks[0]
    features = torch.randn(2, 5, 16)
    whole = block(features)
    past = block.empty_past(features[:, 0], 5)
    rows = [block(features[:, position : position + 1], past) for position in range(5)]
    torch.testing.assert_close(torch.cat(rows, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_sample_does_not_depend_on_its_batch():
    prior, labels, uniforms = build(), torch.tensor([[0, 0], [1, 2], [1, 1]]), torch.rand(3, POSITIONS)
    together = prior.sample(uniforms, labels).classes
    assert torch.equal(prior.sample(uniforms[1:2], labels[1:2]).classes, together[1:2])


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
    drawn = prior.eval().sample(0.1 + 0.8 * torch.rand(30, POSITIONS), labels).classes
    assert torch.equal(drawn, codes)


def test_works_without_attributes():
    codes = build(()).sample(torch.rand(2, POSITIONS), torch.zeros(2, 0, dtype=torch.int64)).classes
    assert codes.shape == (2, POSITIONS)


def test_a_width_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="multiple of prior_heads"):
        CodePrior(4, 4, (), width=10, heads=4)


def test_an_unsaid_label_is_the_mean_of_all_classes():
    prior, labels = build(guided=1), torch.tensor([[0, 2], [1, 2]])
    gender, hero_class = (table.weight for table in prior.labels.tables)
    expected = (gender[0] + gender[1]) / 2 + hero_class[2]
    torch.testing.assert_close(prior.labels(labels, unsaid=1), expected.expand(2, -1))
    assert torch.equal(prior.labels(labels), gender + hero_class[2])


def test_portraits_whose_labels_are_unsaid_are_alike_and_the_others_as_before():
    prior, codes = build(guided=1), torch.randint(CODES, (1, POSITIONS)).expand(3, -1)
    labels = torch.tensor([[0, 2], [1, 2], [1, 1]])
    said, some = prior(codes, labels), prior(codes, labels, torch.tensor([True, True, False]))
    assert torch.equal(some[2], said[2])
    torch.testing.assert_close(some[0], some[1])
    assert (some[0] - said[0]).abs().max() > 1e-4


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_guided_codes_come_from_the_probabilities_with_labels_against_those_without(weight):
    prior, labels = build(guided=1), torch.tensor([[0, 0], [1, 2], [1, 1]])
    uniforms = torch.rand(3, POSITIONS)
    codes = prior.sample(uniforms, labels, weight).classes
    said = prior(codes, labels).softmax(dim=2)
    unsaid = prior(codes, labels, torch.ones(3, dtype=torch.bool)).softmax(dim=2)
    # p(code | labels)^w p(code)^(1 - w), up to the sum over codes.
    guided = (said**weight * unsaid ** (1 - weight)).log()
    again = torch.stack([inverse_cdf(guided[:, i], uniforms[:, i]) for i in range(POSITIONS)], dim=1)
    assert torch.equal(codes, again)
    assert not torch.equal(codes, prior.sample(uniforms, labels).classes)


def test_guidance_of_one_and_of_nothing_to_guide_draws_as_learned():
    uniforms, labels = torch.rand(2, POSITIONS), torch.tensor([[0, 0], [1, 2]])
    for prior, weight in ((build(guided=2), 1.0), (build(guided=0), 3.0)):
        codes = prior.sample(uniforms, labels, weight).classes
        logits = prior(codes, labels)
        assert torch.equal(
            codes, torch.stack([inverse_cdf(logits[:, i], uniforms[:, i]) for i in range(POSITIONS)], dim=1)
        )


@pytest.mark.parametrize("keep", [0.0, 0.1, 1.0])
def test_codes_of_other_labels_stay_where_they_fit(keep):
    prior, uniforms = build(guided=2), torch.rand(16, POSITIONS)
    labels, other = torch.zeros(16, 2, dtype=torch.int64), torch.ones(16, 2, dtype=torch.int64)
    before = prior.sample(uniforms, labels, 2.0)
    again = prior.sample(uniforms, labels, 2.0, before, labels, keep)
    assert torch.equal(again.classes, before.classes)
    after = prior.sample(uniforms, other, 2.0, before, labels, keep)
    # In one pass over what was written: guided logits of every position from all codes before it.
    said = prior(after.classes, other).log_softmax(dim=2)
    unsaid = prior(after.classes, other, torch.ones(16, dtype=torch.bool)).log_softmax(dim=2)
    chances = (2 * said - unsaid).log_softmax(dim=2)
    evidence = EVIDENCE * (said - prior(after.classes, labels).log_softmax(dim=2))
    now = (chances + evidence).gather(2, before.classes[..., None]).squeeze(2)
    stays = now >= before.log_probabilities - keep
    new = torch.stack([inverse_cdf(chances[:, i], uniforms[:, i]) for i in range(POSITIONS)], dim=1)
    assert torch.equal(after.classes, torch.where(stays, before.classes, new))
    assert stays.any() and (keep == 1.0 or not torch.equal(after.classes, before.classes))
