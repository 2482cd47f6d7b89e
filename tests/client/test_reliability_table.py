"""The numbers in docs/guide/reliability.md are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfy_notebook.client import downloads, http, live, probe, socket
from comfy_notebook.config import Settings
from comfy_notebook.jobs.follow import record

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "said",
    [
        f"up to {http.ATTEMPTS} attempts within {http.RETRY_FOR:g} s",
        f"{2 * record.BACK_OFF:g}, {4 * record.BACK_OFF:g}, {8 * record.BACK_OFF:g}, … 60 s",
        f"final after {record._MOST_LIMITED} without",
        f"`settings.patience` ({Settings().patience:g} s)",
        f"`settings.stall` ({Settings().stall / 3600:g} h)",
        f"`settings.request_timeout` ({Settings().request_timeout:g} s)",
        f"up to {downloads._TRIES} attempts; a break",
        f"asked again {len(probe.PAUSES)} times",
        f"downloads follow up to {http._MOST_REDIRECTS},",
        f"{http.MAX_ANSWER // 2**20} MB; `gzip`",
        f"| one WebSocket message | {socket.MAX_MESSAGE // 2**20} MB |",
        f"| one output | {downloads.MAX_FILE // 2**30} GB |",
        f"{live._KEEP_SECONDS:g} s, {live._KEEP_EVENTS:,} events, {live._KEEP_BYTES // 2**20} MB",
        f"must bring {downloads._LEAST // 1024} kB",
    ],
)
def test_a_number_of_the_page(said: str) -> None:
    assert said in PAGE
