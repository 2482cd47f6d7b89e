"""The browser tests share one JupyterLab and one embedded server; without Chromium they skip, saying so."""

from __future__ import annotations

import os

import pytest

from .lab import Lab, browser, chromium


def need_chromium() -> None:
    if chromium() is None:
        message = "no Chromium found (set CHROMIUM, or install the package chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def connection(server) -> dict[str, str]:
    return {"COMFY_BASE_URL": server.url, "COMFY_CLOUD_API_KEY": server.api_key, "PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="package")
def chrome():
    need_chromium()
    with browser() as running:
        yield running


@pytest.fixture(scope="package")
def lab(chrome, embedded):
    with Lab(chrome, "lab", env=connection(embedded)) as running:
        yield running


@pytest.fixture(scope="package")
def notebook7(chrome, embedded):
    with Lab(chrome, "notebook", env=connection(embedded)) as running:
        yield running
