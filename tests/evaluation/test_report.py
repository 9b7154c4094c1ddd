import base64
import io
import re

import numpy as np
from PIL import Image

from src.evaluation.report import embedded, number, table


def test_text_is_escaped_and_numbers_are_short():
    assert table(["<a>"], [["b & c", "<script>"]]).count("<script>") == 0
    assert "&lt;script&gt;" in table(["a"], [["<script>"]])
    assert [number(value) for value in (None, 0.123456, 12.34, 1234.5)] == ["-", "0.123", "12.3", "1,234"]


def test_a_picture_in_the_page_is_the_picture():
    pixels = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
    code = re.search(r"base64,([^\"]+)", embedded(pixels, "a & b")).group(1)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(code)))), pixels)
