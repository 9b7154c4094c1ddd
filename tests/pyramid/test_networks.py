"""Nothing looks at what is not yet written, and what is written has the probability that the loss says."""

import pytest
import torch

from src.pyramid.layers import LabelEmbedding
from src.pyramid.maps import index_portraits, majority_maps
from src.pyramid.palette_encoder import PaletteEncoder
from src.pyramid.palette_writer import PaletteWriter, Source, by_lightness, entry_places
from src.pyramid.pyramid import PalettePyramid, SamplingOptions, Widths, turn_loss
from src.pyramid.turns import TURNS, turns_of_pixels
from tests.pyramid.test_maps import COLOURS, portraits

WIDTHS = Widths(16, 16, 1, (16, 16), (1, 1), 16, 1, 8, 8)
CLASSES = [2, 3]


def shaken(network):
    """With weights that are nowhere zero, so that everything has a say; in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


@pytest.fixture
def pyramid():
    return shaken(PalettePyramid(CLASSES, 16, COLOURS, WIDTHS, dropout=0.1, colour_jitter=0.1))


@pytest.fixture
def known(pyramid):
    """Portraits, their maps, embedded labels and palette vectors."""
    indexed = index_portraits(portraits(), COLOURS)
    labels = pyramid.labels(torch.tensor([[0, 1], [1, 2], [0, 0]]))
    entries = pyramid.palette_encoder(indexed.colours, indexed.used, labels)
    return indexed, majority_maps(indexed.entries, COLOURS, pyramid.sides), labels, entries


def test_the_coarse_map_sees_earlier_pixels_alone(pyramid, known):
    indexed, maps, labels, entries = known
    pixels = maps[0].flatten(1)
    before = pyramid.coarse(entries, indexed.used, labels, pixels)
    place = 27
    other = pixels.clone()
    other[:, place] = (other[:, place] + 1) % (COLOURS + 1)
    change = (pyramid.coarse(entries, indexed.used, labels, other) - before).abs().amax(dim=(0, 2))
    assert change[: place + 1].max() == 0 and change[place + 1 :].min() > 1e-6


def test_pixel_after_pixel_gives_what_the_whole_pass_gives(pyramid, known):
    indexed, maps, labels, entries = known
    # A palette with fewer colours than there is room for, too.
    used = indexed.used.clone()
    used[0, 4:] = False
    pixels = maps[0].flatten(1).clamp(max=4)
    whole = pyramid.coarse(entries, used, labels, pixels)
    caches = pyramid.coarse.begin(entries, used, labels)
    steps = [pyramid.coarse.step(entries, used, pixels, place, caches) for place in range(pixels.shape[1])]
    torch.testing.assert_close(torch.stack(steps, dim=1), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("turn", [0, 1, 7, 15])
def test_a_finer_map_sees_pixels_of_earlier_turns_alone(pyramid, known, turn):
    indexed, maps, labels, entries = known
    network, parent, pixels = pyramid.finer[0], maps[0], maps[1]
    turns = torch.full((3,), turn)
    before = network(entries, indexed.used, labels, parent, pixels, turns)
    order = turns_of_pixels(16)
    to_come = torch.where(order >= turn, (pixels + 1) % (COLOURS + 1), pixels)
    assert torch.equal(network(entries, indexed.used, labels, parent, to_come, turns), before)
    if turn:
        written = torch.where(order < turn, (pixels + 1) % (COLOURS + 1), pixels)
        assert not torch.allclose(network(entries, indexed.used, labels, parent, written, turns), before)
    coarser = (parent + 1) % (COLOURS + 1)
    assert not torch.allclose(network(entries, indexed.used, labels, coarser, pixels, turns), before)


def test_an_entry_is_known_by_its_colour_and_not_by_its_number(pyramid, known):
    """The same portrait with its palette in another order has the same likelihood, pixel by pixel."""
    indexed, maps, labels, _ = known
    order = torch.randperm(COLOURS)
    number = torch.cat([torch.zeros(1, dtype=torch.int64), order.argsort() + 1])
    turns = torch.tensor([0, 5, 15])
    found = []
    for colours, renamed in ((indexed.colours, torch.arange(COLOURS + 1)), (indexed.colours[:, order], number)):
        entries = pyramid.palette_encoder(colours, indexed.used, labels)
        parent, pixels = renamed[maps[0]], renamed[maps[1]]
        logits = pyramid.finer[0](entries, indexed.used, labels, parent, pixels, turns)
        found.append(turn_loss(logits, pixels, turns))
    torch.testing.assert_close(found[0].nats, found[1].nats, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found[0].objective, found[1].objective, rtol=1e-4, atol=1e-4)


def test_colours_that_a_palette_does_not_have_are_never_chosen(pyramid):
    colours, used = torch.zeros(4, COLOURS, 3, dtype=torch.int64), torch.zeros(4, COLOURS, dtype=torch.bool)
    colours[:, :2] = torch.tensor([[10, 20, 30], [200, 100, 0]])
    used[:, :2] = True
    written = pyramid.write(*asked(pyramid, 4), options(), palette=(colours, used))
    for each in written.maps:
        assert each.classes.max() <= 2


def options(**values):
    plain = {"guidance": 1.0, "guided_side": 16, "temperature": (1, 1), "palette_top_p": 1.0, "top_p": (1, 1)}
    return SamplingOptions(**{**plain, "passes": (16,), **values})


def asked(pyramid, count):
    """Labels, null labels and uniform numbers."""
    labels = torch.stack([torch.arange(count) % size for size in CLASSES], dim=1)
    return labels, torch.tensor(CLASSES).expand_as(labels), torch.rand(count, sum(pyramid.uniforms_by_part))


def test_what_is_written_has_the_likelihood_that_the_loss_says(pyramid):
    """Sampling says how likely each choice was; the loss, a second way through the networks, must agree."""
    labels, null, uniforms = asked(pyramid, 4)
    written = pyramid.write(labels, null, uniforms, options())
    embedded = pyramid.labels(labels)
    entries = pyramid.palette_encoder(written.colours, written.used, embedded)
    coarse, fine = written.maps
    logits = pyramid.coarse(entries, written.used, embedded, coarse.classes.flatten(1)).log_softmax(dim=2)
    chances = logits.gather(2, coarse.classes.flatten(1)[..., None]).squeeze(2)
    torch.testing.assert_close(chances, coarse.log_probabilities.flatten(1), rtol=1e-4, atol=1e-4)
    nats = 0
    for turn in range(TURNS):
        turns = torch.full((4,), turn)
        logits = pyramid.finer[0](entries, written.used, embedded, coarse.classes, fine.classes, turns)
        nats = nats + turn_loss(logits, fine.classes, turns).nats / TURNS
    torch.testing.assert_close(-nats, fine.log_probabilities.sum(dim=(1, 2)), rtol=1e-4, atol=1e-2)


def test_the_exact_likelihood_is_the_mean_over_turns_of_what_training_estimates(pyramid):
    indexed, labels = index_portraits(portraits(), COLOURS), torch.tensor([[0, 1], [1, 2], [0, 0]])
    exact = pyramid.nats(indexed, labels)
    assert list(exact) == ["palette", "8", "16"]
    estimates = [pyramid.losses(indexed, labels, torch.full((3, 1), turn))["16"].nats.detach() for turn in range(TURNS)]
    torch.testing.assert_close(exact["16"], torch.stack(estimates).mean(dim=0))


def test_guidance_exaggerates_labels_and_one_leaves_them(pyramid):
    labels, null, uniforms = asked(pyramid, 6)
    palette = pyramid.write(labels, null, uniforms, options())[:2]
    plain, same, guided = (
        pyramid.write(labels, chosen, uniforms, options(guidance=weight), palette=palette).maps[0]
        for weight, chosen in ((1.0, null), (3.0, labels), (3.0, null))
    )
    # Pointing away from the very same labels changes nothing.
    assert torch.equal(plain.classes, same.classes)
    assert not torch.equal(plain.classes, guided.classes)


def test_low_top_p_and_temperature_choose_the_likeliest(pyramid):
    labels, null, uniforms = asked(pyramid, 4)
    palette = pyramid.write(labels, null, uniforms, options())[:2]
    greedy = [
        pyramid.write(labels, null, numbers, options(**values), palette=palette).maps[0].classes
        for numbers in (uniforms, torch.rand_like(uniforms))
        for values in ({"top_p": (1e-6, 1e-6)}, {"temperature": (1e-4, 1e-4)})
    ]
    assert all(torch.equal(greedy[0], each) for each in greedy)


def test_a_low_top_p_of_palettes_chooses_the_likeliest(pyramid):
    labels, null, uniforms = asked(pyramid, 4)
    drawn, greedy, again = (
        pyramid.write(labels, null, numbers, options(palette_top_p=share)).colours
        for numbers, share in ((uniforms, 1.0), (uniforms, 1e-6), (torch.rand_like(uniforms), 1e-6))
    )
    assert torch.equal(greedy, again)
    assert not torch.equal(greedy, drawn)


def test_labels_change_maps_and_palettes(pyramid):
    labels, null, uniforms = asked(pyramid, 8)
    other = (labels + 1) % torch.tensor(CLASSES)
    one, two = (pyramid.write(each, null, uniforms, options()) for each in (labels, other))
    assert not torch.equal(one.colours, two.colours)
    palette = one[:2]
    again = pyramid.write(other, null, uniforms, options(), palette=palette)
    assert not torch.equal(one.maps[0].classes, again.maps[0].classes)


def test_what_was_written_before_stays_under_the_same_labels_and_for_ever_with_endless_patience(pyramid):
    labels, null, uniforms = asked(pyramid, 4)
    before = pyramid.write(labels, null, uniforms, options())
    palette, fresh = before[:2], torch.rand_like(uniforms)
    other = (labels + 1) % torch.tensor(CLASSES)
    for asked_labels, keep in ((labels, 1e-3), (other, float("inf"))):
        again = pyramid.write(asked_labels, null, fresh, options(), palette, before, keep)
        assert torch.equal(again.maps[-1].classes, before.maps[-1].classes)


def test_a_null_label_is_a_class_of_its_own():
    embedding = LabelEmbedding([2], 4)
    assert embedding.tables["0"].num_embeddings == 3


def test_jitter_is_for_training_alone():
    encoder = PaletteEncoder(16, 1, 0.0, 0.5)
    colours, used = torch.randint(256, (2, 5, 3)), torch.ones(2, 5, dtype=torch.bool)
    labels = torch.zeros(2, 16)
    assert not torch.equal(encoder(colours, used, labels), encoder(colours, used, labels))
    encoder.eval()
    assert torch.equal(encoder(colours, used, labels), encoder(colours, used, labels))


def writer(replaces=False, colours=4, **values):
    return PaletteWriter(
        [3], colours, **{"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, **values}, replaces=replaces
    )


def test_the_likelihood_of_a_palette_knows_nothing_of_what_stands_behind_its_end():
    network = shaken(writer())
    used = torch.tensor([[True, True, False, False]])
    colours = torch.randint(256, (1, 4, 3))
    other = torch.where(used[..., None], colours, (colours + 1) % 256)
    label = torch.tensor([[1]])
    torch.testing.assert_close(network.nats(colours, used, label), network.nats(other, used, label))
    longer = torch.tensor([[True, True, True, False]])
    assert network.nats(colours, longer, label) > network.nats(colours, used, label)


def test_an_untrained_writer_is_about_as_sure_as_guessing():
    network = writer(width=64)
    colours, used = torch.randint(256, (64, 4, 3)), torch.ones(64, 4, dtype=torch.bool)
    nats = network.nats(colours, used, torch.zeros(64, 1, dtype=torch.int64)).mean()
    # Twelve numbers of 256 and the end.
    assert 0.9 * 13 * 5.55 < nats < 1.3 * 13 * 5.55


def test_it_learns_palettes_by_label_and_writes_them():
    torch.manual_seed(0)
    network = writer()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    labels = torch.arange(15)[:, None] % 3
    planted = torch.tensor([[[10, 20, 30], [90, 80, 70], [0, 0, 0], [0, 0, 0]]] * 3)
    planted[:, 0, 1] = torch.tensor([1, 2, 3])
    planted[2, 2] = torch.tensor([255, 250, 245])
    used = torch.tensor([[True, True, False, False], [True, True, False, False], [True, True, True, False]])
    colours, which = planted[labels[:, 0]], used[labels[:, 0]]
    for _ in range(90):
        optimizer.zero_grad()
        network.nats(colours, which, labels).mean().backward()
        optimizer.step()
    written, there = network.eval().write(labels, 0.05 + 0.9 * torch.rand(15, 4, 3))
    assert torch.equal(there, which) and torch.equal(written, colours)


def test_it_learns_another_palette_for_the_same_entries():
    """The planted rule: red becomes blue, whatever the colours are."""
    torch.manual_seed(0)
    network = writer(replaces=True, colours=2)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    levels = torch.tensor([0, 128, 255])

    def pairs(count):
        colours = levels[torch.randint(3, (count, 2, 3))]
        places = torch.rand(count, 2, 3)
        return Source(colours, torch.ones(count, 2, dtype=torch.bool), places), colours.flip(2)

    labels = torch.zeros(32, 1, dtype=torch.int64)
    for _ in range(120):
        source, target = pairs(32)
        optimizer.zero_grad()
        network.nats(target, source.used, labels, source).mean().backward()
        optimizer.step()
    source, target = pairs(32)
    written, used = network.eval().write(labels, torch.full((32, 2, 3), 0.5), source)
    assert torch.equal(used, source.used)
    assert (written == target).float().mean() > 0.97


def test_places_of_entries_by_hand():
    entries = torch.zeros(1, 4, 4, dtype=torch.int64)
    entries[0, 0] = 2
    entries[0, 3, 3] = 1
    expected = torch.tensor([[[1 / 16, 3.5 / 4, 3.5 / 4], [4 / 16, 0.5 / 4, 0.5], [0, 0, 0]]])
    torch.testing.assert_close(entry_places(entries, 3), expected)


def test_a_palette_is_put_into_the_order_of_lightness_without_doubles():
    colours = torch.tensor([[[255, 255, 255], [10, 10, 10], [255, 255, 255], [9, 9, 9]]])
    ordered, used = by_lightness(colours, torch.tensor([[True, True, True, False]]))
    assert ordered[0, :2].tolist() == [[10, 10, 10], [255, 255, 255]]
    assert used[0].tolist() == [True, True, False, False]
