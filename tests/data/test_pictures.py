import numpy as np
import pytest

from src.data import pictures
from src.data.build import build_dataset
from src.data.folder import prepare_folder
from src.errors import InputError
from src.tables import write_table
from tests.data.art import write_heroes

METRICS = (
    pictures.draw_file_counts,
    pictures.draw_colours,
    pictures.draw_class_balance,
    pictures.draw_label_cells,
    pictures.draw_swatches,
    pictures.draw_palette_measures,
    pictures.draw_palette_confusion,
    pictures.draw_labelled_batch,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rows = write_heroes(folder / "images", shapes=6)
    write_table(folder / "labels.csv", tuple(rows[0]), rows)
    prepare_folder(folder / "images", folder / "data")
    return folder / "data"


@pytest.mark.parametrize("attributes", [(), ("palette",), ("gender", "hero_class", "palette")])
def test_every_picture_is_drawn_whatever_labels_there_are(data, attributes):
    build_dataset(data, data.parent / "labels.csv", attributes=attributes)
    for draw in METRICS:
        figure = draw(data)
        figure.set_dpi(25)  # as of any other size, and quick
        figure.canvas.draw()
        assert figure.axes


def test_the_label_cells_add_up(data):
    build_dataset(data, data.parent / "labels.csv")
    axes = pictures.draw_label_cells(data).axes[0]
    counts = np.asarray(axes.images[0].get_array())
    assert counts.shape == (5, 6) and counts.sum() == 30  # palettes down, 2 genders x 3 classes across
    assert [int(text.get_text()) for text in axes.texts] == counts.ravel().tolist()


def test_recolours_fill_a_row_for_each_group(data):
    image = np.asarray(pictures.draw_recolours(data, groups=2, members=5))
    assert image.shape == (1 + 2 * 65, 1 + 5 * 65, 3)
    cells = [image[1:65, 1 + 65 * column : 65 + 65 * column] for column in range(5)]
    masks = [(cell != pictures.BACKGROUND).any(axis=-1) for cell in cells]
    assert all(np.array_equal(masks[0], mask) for mask in masks[1:])


def test_contact_sheets_are_counted_from_one(data):
    assert pictures.draw_contact_sheet(data, 1).width > 64
    for page in (0, 2):
        with pytest.raises(InputError, match="there are 1"):
            pictures.draw_contact_sheet(data, page)


def test_an_unknown_attribute_is_an_input_error(data):
    build_dataset(data, data.parent / "labels.csv")
    with pytest.raises(InputError, match="gender, hero_class, palette"):
        pictures.draw_labelled_batch(data, attribute="view")


def test_the_palette_confusion_counts_agreement_and_borderline_cases(data):
    rows = [
        {"palette": label, "palette_pixels": rule, "palette_ambiguous": ambiguous}
        for label, rule, ambiguous in [("cool", "cool", "yes"), ("cool", "dark", "no"), ("warm", "warm", "no")]
    ]
    folder = data.parent / "planted"
    write_table(folder / "sprites_final.csv", tuple(rows[0]), rows)
    axes = pictures.draw_palette_confusion(folder).axes[0]
    assert axes.get_title() == "rule and label agree on 66.7%; 1 borderline"
    assert sorted(text.get_text() for text in axes.texts).count("1") == 3
