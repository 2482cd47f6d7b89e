"""The values a sweep takes from a line."""

from __future__ import annotations

import pytest

from comfy_notebook.magics.values import sweep_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4", ["4"]),
        ("4,8", ["4", "8"]),
        ("euler, heun", ["euler", "heun"]),
        ("0:4", ["0", "1", "2", "3"]),
        ("0:1", ["0"]),
        ("0:1:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]),
        ("10:0:-5", ["10", "5"]),
        ("0:2,10", ["0", "1", "10"]),
        ("100:301:100", ["100", "200", "300"]),
        ("16:9", None),
        ("a:b", ["a:b"]),
        ("red fox,", ["red fox", ""]),
    ],
)
def test_lists_and_spans(text: str, values: list[str] | None) -> None:
    if values is None:
        with pytest.raises(ValueError, match="empty range"):
            sweep_values(text)
    else:
        assert sweep_values(text) == values


@pytest.mark.parametrize("text", ["0:1:0", "0:100000", "0:6000,0:6000", "0:1e99", "1:0"])
def test_spans_without_end_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        sweep_values(text)
