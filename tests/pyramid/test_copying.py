"""A pixel votes for the entries around it, by place, whatever their colours are."""

import torch

from src.pyramid.copying import PARENT_REACH, REACH, Copying, around
from src.pyramid.finer_map import FinerMap

SIDE, ENTRIES, WIDTH = 8, 5, 6


def given():
    """Logits, features, parent, pixels and which of them are known, of two portraits."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, WIDTH, SIDE // 2, SIDE // 2, generator=generator)
    parent = torch.randint(0, ENTRIES, (2, SIDE // 2, SIDE // 2), generator=generator)
    pixels = torch.randint(0, ENTRIES, (2, SIDE, SIDE), generator=generator)
    known = torch.rand(2, SIDE, SIDE, generator=generator) < 0.5
    return torch.randn(2, SIDE * SIDE, ENTRIES, generator=generator), features, parent, pixels, known


def offsets(reach):
    return [(row, column) for row in range(-reach, reach + 1) for column in range(-reach, reach + 1)]


def test_votes_are_added_to_the_entries_around_a_pixel():
    """Against a second implementation, pixel by pixel."""
    copying = Copying(WIDTH)
    torch.nn.init.normal_(copying.vote.weight)
    torch.nn.init.normal_(copying.vote.bias)
    logits, features, parent, pixels, known = given()
    found = copying(logits, features, parent, pixels, known).unflatten(1, (SIDE, SIDE))

    votes = torch.nn.functional.pixel_shuffle(copying.vote(features), 2)
    expected = logits.unflatten(1, (SIDE, SIDE)).clone()
    places = [(pixels, known, 1, offset) for offset in offsets(REACH)]
    places += [(parent, torch.ones_like(parent, dtype=torch.bool), 2, offset) for offset in offsets(PARENT_REACH)]
    for number, (entries, written, scale, (down, right)) in enumerate(places):
        side = entries.shape[1]
        for portrait in range(2):
            for row in range(SIDE):
                for column in range(SIDE):
                    there = row // scale + down, column // scale + right
                    inside = min(there) >= 0 and max(there) < side
                    # Beyond the border a map has no pixels to copy, and its parent has nothing.
                    if (inside and written[portrait][there]) or (not inside and scale == 2):
                        entry = entries[portrait][there] if inside else 0
                        expected[portrait, row, column, entry] += votes[portrait, number, row, column]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_pixels_that_are_not_known_change_nothing():
    copying = Copying(WIDTH)
    torch.nn.init.normal_(copying.vote.weight)
    logits, features, parent, pixels, known = given()
    other = torch.where(known, pixels, (pixels + 1) % ENTRIES)
    assert torch.equal(
        copying(logits, features, parent, pixels, known), copying(logits, features, parent, other, known)
    )


def test_a_network_that_gets_it_begins_as_it_was():
    """So that training can go on from weights without."""
    sizes = SIDE, 8, (16,), (1,), 8, 8, 0.0
    plain, with_votes = FinerMap(*sizes, sees_entries=False).eval(), FinerMap(*sizes, sees_entries=True).eval()
    missing, unexpected = with_votes.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"copying", "counting"} and not unexpected
    _, _, parent, pixels, _ = given()
    vectors = torch.randn(2, ENTRIES, 8), torch.ones(2, ENTRIES - 1, dtype=torch.bool), torch.randn(2, 8)
    inputs = *vectors, parent, pixels, torch.tensor([3, 9])
    assert torch.equal(with_votes(*inputs), plain(*inputs))


def test_around_reads_rows_from_the_top():
    pixels = torch.arange(1, 10).view(1, 3, 3)
    assert around(pixels, 1)[0, 1, 1].tolist() == list(range(1, 10))
    assert around(pixels, 1)[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 2, 0, 4, 5]
