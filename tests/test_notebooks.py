"""The committed notebooks have outputs, and nothing that differs from run to run."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_contributing_says(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert any(cell.outputs for cell in code)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata, "no file viewer draws widget state, and it is large"
    assert not any("execution" in cell.metadata for cell in code)
    for cell in code:
        for output in cell.outputs:
            pictures = [mime for mime in output.get("data", {}) if mime.startswith("image/")]
            assert len(pictures) <= 1, "viewers differ in which of two formats they show"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
    assert path.stat().st_size < 2_000_000
