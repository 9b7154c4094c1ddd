"""The refiner writes every pixel once, looks at nothing that is to come, and begins as the draft."""

import math

import pytest
import torch

from src.models.choosing import inverse_cdf
from src.models.palette_autoencoder import paint
from src.models.pixel_refiner import TURNS, PixelRefiner, nearest_entries, refiner_loss, turns_of_pixels

ENTRIES, SIZE, DIM = 5, 16, 3


def build(trained=True):
    torch.manual_seed(0)
    refiner = PixelRefiner(ENTRIES, DIM, (2, 3), width=8, blocks=1).eval()
    if trained:  # what begins at zero hides what reaches the logits
        for parameter in refiner.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return refiner


def some_codes(count=2):
    generator = torch.Generator().manual_seed(1)
    draft = torch.randn(count, ENTRIES, SIZE, SIZE, generator=generator)
    palettes = torch.rand(count, ENTRIES - 1, 3, generator=generator) * 2 - 1
    vectors = torch.randn(count, SIZE // 4, SIZE // 4, DIM, generator=generator)
    drawings = torch.randint(ENTRIES, (count, SIZE, SIZE), generator=generator)
    return draft, palettes, vectors, drawings, torch.zeros(count, 2, dtype=torch.int64)


def test_every_turn_has_its_pixels_and_they_stand_four_apart():
    turns = turns_of_pixels(SIZE)
    for turn in range(TURNS):
        places = (turns == turn).nonzero()
        assert len(places) == SIZE**2 // TURNS
        assert torch.equal(places % 4, (places[:1] % 4).expand_as(places))
    # Half-way through, a chessboard is written; the first four stand two apart.
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    assert torch.equal(turns < 8, (rows + columns) % 2 == 0)
    assert torch.equal(turns < 4, (rows % 2 == 0) & (columns % 2 == 0))


@pytest.mark.parametrize("turn", [0, 5, 15])
def test_only_earlier_turns_are_looked_at(turn):
    refiner, (draft, palettes, vectors, drawings, labels) = build(), some_codes()
    turns, order = torch.full((2,), turn), turns_of_pixels(SIZE)
    before = refiner(draft, palettes, vectors, drawings, turns, labels)
    assert before.shape == draft.shape
    other = torch.where(order >= turn, (drawings + 1) % ENTRIES, drawings)
    assert torch.equal(refiner(draft, palettes, vectors, other, turns, labels), before)
    if turn:
        other = torch.where(order < turn, (drawings + 1) % ENTRIES, drawings)
        assert (refiner(draft, palettes, vectors, other, turns, labels) - before).abs().max() > 1e-3


def test_it_begins_as_the_draft():
    draft, palettes, vectors, drawings, labels = some_codes()
    logits = build(trained=False)(draft, palettes, vectors, drawings, torch.tensor([0, 9]), labels)
    assert torch.equal(logits, draft)


def test_labels_turns_vectors_and_palettes_matter():
    refiner, (draft, palettes, vectors, drawings, labels) = build(), some_codes()
    turns = torch.zeros(2, dtype=torch.int64)
    before = refiner(draft, palettes, vectors, drawings, turns, labels)
    for other in (
        refiner(draft, palettes, vectors, drawings, turns, labels + 1),
        refiner(draft, palettes, vectors, drawings, turns + 1, labels),
        refiner(draft, palettes, -vectors, drawings, turns, labels),
        refiner(draft, -palettes, vectors, drawings, turns, labels),
    ):
        assert (other - before).abs().max() > 1e-3


def test_writing_asks_each_turn_with_what_the_turns_before_have_written():
    refiner, (draft, palettes, vectors, _, labels) = build(), some_codes()
    uniforms = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    written = refiner.write(draft, palettes, vectors, uniforms, labels).classes
    order = turns_of_pixels(SIZE)
    for turn in range(TURNS):
        logits = refiner(draft, palettes, vectors, written, torch.full((2,), turn), labels)
        chances = logits.softmax(dim=1).double()
        for n, row, column in [(0, *place) for place in (order == turn).nonzero()[:3].tolist()]:
            # By hand: likeliest first, the first whose sum of probabilities is above the uniform number.
            ordered = chances[n, :, row, column].sort(descending=True)
            place = int((ordered.values.cumsum(0) <= uniforms[n, row, column]).sum())
            assert written[n, row, column] == ordered.indices[min(place, ENTRIES - 1)]
    assert len(written.unique()) == ENTRIES


def test_uniform_numbers_of_zero_write_the_likeliest_entries_of_an_unchanged_draft():
    refiner, (draft, palettes, vectors, _, labels) = build(trained=False), some_codes()
    written = refiner.write(draft, palettes, vectors, torch.zeros(2, SIZE, SIZE), labels).classes
    assert torch.equal(written, draft.argmax(dim=1))


def test_the_loss_is_that_of_pixels_to_come():
    _, _, _, drawings, _ = some_codes()
    turns, order = torch.tensor([0, 12]), turns_of_pixels(SIZE)
    sure = torch.zeros(2, ENTRIES, SIZE, SIZE)
    sure.scatter_(1, drawings[:, None], 50.0)
    assert refiner_loss(sure, drawings, turns) == pytest.approx(0, abs=1e-6)
    unsure = torch.where((order < turns[:, None, None])[:, None], -sure, sure * 0)
    assert refiner_loss(unsure, drawings, turns) == pytest.approx(math.log(ENTRIES), rel=1e-6)
    # Those of the turn itself are to come: 1 of 16 turns in the first portrait, 1 of 4 in the second.
    unsure = torch.where((order == turns[:, None, None])[:, None], sure * 0, sure)
    expected = math.log(ENTRIES) * (1 / 16 + 1 / 4) / 2
    assert refiner_loss(unsure, drawings, turns) == pytest.approx(expected, rel=1e-6)


def test_nearest_entries_find_what_was_painted():
    _, palettes, _, drawings, _ = some_codes()
    portraits = paint(drawings, palettes)
    assert torch.equal(nearest_entries(portraits, palettes), drawings)
    portraits[:, :3] += 0.01
    assert torch.equal(nearest_entries(portraits, palettes), drawings)


def test_pixels_of_another_drawing_stay_where_they_fit():
    refiner, (draft, palettes, vectors, _, labels) = build(), some_codes()
    uniforms = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    before = refiner.write(draft, palettes, vectors, uniforms, labels)
    again = refiner.write(draft, palettes, vectors, 1 - uniforms, labels, before, 0.0)
    assert torch.equal(again.classes, before.classes)
    after = refiner.write(-draft, palettes, vectors, uniforms, labels, before, 0.5)
    order = turns_of_pixels(SIZE)
    stayed = 0
    for turn in range(TURNS):
        logits = refiner(-draft, palettes, vectors, after.classes, torch.full((2,), turn), labels)
        now = logits.log_softmax(dim=1).gather(1, before.classes[:, None]).squeeze(1)
        stays = (now >= before.log_probabilities - 0.5) & (order == turn)
        assert torch.equal(after.classes[stays], before.classes[stays])
        left = (order == turn) & ~stays
        new = inverse_cdf(logits.permute(0, 2, 3, 1)[left], uniforms[left])
        assert torch.equal(after.classes[left], new)
        stayed += int(stays.sum())
    assert 0 < stayed < before.classes.numel()
