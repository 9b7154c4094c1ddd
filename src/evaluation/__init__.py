"""Evaluating samples without downloads: distances to the reals, label accuracy, pixel art, copies; a report.

In reading order: `evaluator` (every metric of a set of portraits), `evaluate` (the command), `report_rows` (the sets it
compares), `verdict` (which side is better, flags), `report_content` (the JSON), `report` (the page).
"""
