"""Property tests that do not depend on how busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Both limits are in wall-clock time: on a loaded machine they fail tests whose subject is right.
settings.register_profile("any load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any load")
