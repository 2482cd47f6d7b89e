"""Every operation of the published contract, with data made from its own schemas, valid and not."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import hypothesis
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.core.failures import FailureGroup

from tests.contract.deviations import DEVIATIONS, Deviation
from tests.servers import end_server, start_server

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("COMFY_CONTRACT_EXAMPLES", "6"))
CONTRACT = Path(__file__).parents[1] / "data" / "openapi-cloud.yaml"
API_KEY = "test-key-of-the-contract"

met: set[Deviation] = set()
schema = schemathesis.openapi.from_path(CONTRACT)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = start_server(tmp_path_factory.mktemp("contract") / "data", api_key=API_KEY, tier="pro")
    yield started
    assert "Traceback" not in started.log.read_text()
    end_server(started)


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
def test_the_contract(case, server):
    response = case.call(base_url=server.url, headers={"X-API-Key": API_KEY}, timeout=20)
    try:
        case.validate_response(response, headers={"X-API-Key": API_KEY})
    except FailureGroup as group:
        operation = f"{case.method.upper()} {case.operation.path}"
        unexplained = []
        for failure in group.exceptions:
            allowed = [
                deviation
                for deviation in DEVIATIONS
                if deviation.allows(type(failure).__name__, operation, response.status_code)
            ]
            met.update(allowed)
            if not allowed:
                unexplained.append(failure)
        if unexplained:
            raise FailureGroup(unexplained) from None


@pytest.mark.skipif(EXAMPLES < 100, reason="too few examples to meet them all: python -m tests.contract")
def test_every_deviation_is_met():
    assert [deviation for deviation in DEVIATIONS if deviation not in met] == []
