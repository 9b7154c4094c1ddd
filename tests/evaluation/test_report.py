import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from src.evaluation import report
from src.evaluation.copies import CopyCheck
from src.evaluation.report import Picture, Pictures, embedded, number, write_report

SETS = ("samples", "real", "blurred", "grained", "shuffled", "copies")
HOSTILE = "<script>alert('$x^{')</script>"


def evaluation(attribute=HOSTILE):
    """The JSON of an evaluation, with everything the page can show; texts of the data set are hostile."""
    distances = [
        f"{kind}_{space}"
        for kind in ("frechet", "kid", "precision", "recall", "density", "coverage")
        for space in ("random_0", "random_1")
    ]
    names = [*distances, "colour_distance", "two_sample_accuracy", "two_sample_auc", "pixel_art_distance_colours"]
    names += [f"{kind}_{attribute}" for kind in ("accuracy", "unseen_accuracy", "kept", "changed_accuracy")]
    names += ["two_eyes_found", "mouth_found"]
    confusion = {"confusion": [[3, 1], [0, 0]], "classes": [HOSTILE, "b"], "evaluated_classes": [HOSTILE, "b"]}
    ratios = {"precision": 0.9, "recall": 0.8, "truth": 0.7, "found": 0.6}

    def one():
        return {
            "count": 1234,
            "frechet_random": 0.123456,
            "accuracy_none": None,
            "measures": {name: {"value": 0.5, "spread": 0.01} for name in names},
            "pixel_art": {"colours": {"median": 26.0}},
            "copies": {"flagged": True, "share": 0.25},
            "label_accuracy": {attribute: confusion},
            "classification_accuracy_score": {attribute: 0.4},
            "two_sample_test": {"learned_on": 280, "asked_about": 120},
        }

    content = {name: one() for name in ("samples", "real")}
    content["samples"] |= {"of_real": {"two_eyes_found": 0.5, "mouth_found": None}, "unseen_combinations": 7}
    faces = dict.fromkeys(("two_eyes", "mouth", "eye_pixels", "mouth_pixels"), ratios)
    content["real"]["face_finder"] = {"taught": 640, "asked": 320, **faces}
    return content | {
        "evaluated": {"checkpoint": HOSTILE, "seed": 0},
        "compared_at": 400,
        "flags": ["copies"],
        "flag_meanings": {"copies": HOSTILE},
        "controls": {name: one() for name in SETS[2:]},
        "which_measure_tells": {"blurred": ["colour_distance"], "grained": [], "shuffled": [], "copies": []},
    }


@pytest.fixture
def pictures():
    random = np.random.RandomState(0)
    portraits = {name: random.randint(0, 256, (14, 8, 8, 4)).astype(np.uint8) for name in SETS}
    check = CopyCheck(
        share=0.25,
        expected_share=0.01,
        p_value=0.5,
        flagged=True,
        threshold=0.05,
        distances=random.rand(14),
        validation_distances=random.rand(14),
        real_distances=random.rand(14),
        margin_mean=0.0,
        margin_median=0.0,
        too_close=np.arange(14) == 3,
        pairs=np.stack([np.arange(14), np.arange(14)[::-1]], axis=1),
        mirrored=np.arange(14) == 0,
        recoloured=np.arange(14) < 2,
    )
    measures = {"colours": {name: random.rand(14) for name in SETS}}
    return Pictures(portraits, [f"{HOSTILE}{index}.png" for index in range(14)], portraits["real"], check, measures)


@pytest.fixture
def without_plots(monkeypatch):
    """Drawing takes most of a report's time."""
    monkeypatch.setattr(report, "plotted", lambda figure, caption: Picture("", caption))


def test_hostile_names_are_shown_and_do_nothing(tmp_path, pictures):
    write_report(tmp_path / "report.html", evaluation(), pictures)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    escaped = "&lt;script&gt;alert(&#39;$x^{&#39;)&lt;/script&gt;"
    assert f"<title>Evaluation of {escaped}</title>" in page
    for shown in (f"accuracy_{escaped}", f"{escaped}0.png", f"<th>{escaped}</th>"):
        assert shown in page


def test_every_part_is_shown(tmp_path, pictures, without_plots):
    write_report(tmp_path / "report.html", evaluation("gender"), pictures)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == 8 and page.count("<img") == 2 + 4 + 1 + 2 + 1 + 2
    assert "<td>count</td><td>1,234</td><td>1,234</td>" in page
    assert "<td>accuracy_none</td><td>-</td><td>-</td>" in page
    assert "<td>colour_distance</td>" + "<td>0.5 ± 0.01</td>" * 6 + "<td>blurred</td>" in page
    assert "No metric distinguishes grained, shuffled, copies from" in page
    assert "Of the 7 samples" in page and "<td>predicted as changed</td><td>0.5 ± 0.01</td>" in page
    first, second = (re.search(rf"{name}\.png</td>.*</tr>", page).group() for name in ("0", "1"))
    assert "mirrored, recoloured" in first and "recoloured" in second and "mirrored" not in second
    assert page.count("<td>too close</td>") == 1


def test_parts_that_were_not_measured_are_left_out(tmp_path, pictures, without_plots):
    content = evaluation("gender")
    for name in ("label_accuracy", "classification_accuracy_score", "two_sample_test", "face_finder"):
        for side in ("samples", "real"):
            content[side].pop(name, None)
    content["flags"] = []
    write_report(tmp_path / "report.html", content, pictures)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no flags" in page and "Too few portraits to try." in page and "The data set has no attributes." in page
    assert page.count("<h2>") == 7


def test_samples_without_labels_have_no_matrix(tmp_path, pictures, without_plots):
    content = evaluation("gender")
    for name in ("label_accuracy", "classification_accuracy_score"):
        del content["samples"][name]
    write_report(tmp_path / "report.html", content, pictures)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No labels are known of the samples." in page and page.count("confusion matrices") == 1
    assert "Classification accuracy score" not in page


def test_numbers_are_short():
    assert [number(value) for value in (None, 0.123456, 12.34, 1234.5)] == ["-", "0.123", "12.3", "1,234"]


def test_a_picture_in_the_page_is_the_picture():
    pixels = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
    picture = embedded(pixels, "caption")
    code = picture.source.removeprefix("data:image/png;base64,")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))), pixels)
    assert (picture.width, picture.height) == (14, 10)
