"""`python -m tests.contract [EXAMPLES]`: the contract tests at length (200 examples a route by default)."""

from __future__ import annotations

import os
import sys

import pytest

os.environ["COMFY_CONTRACT_EXAMPLES"] = sys.argv[1] if len(sys.argv) > 1 else "200"
sys.exit(pytest.main(["tests/contract", "-q", "--timeout", "3600"]))
