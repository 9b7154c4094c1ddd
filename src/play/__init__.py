"""Heroes in use: a part locked and the rest redrawn, more like one, steps between two, a picture of one's own."""
