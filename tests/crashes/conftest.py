"""The sweep of this run: everything that is asked for is killed at once, several side by side."""

from collections.abc import Iterator

import pytest

from tests.crashes.sweep import Sweep, sweeping


@pytest.fixture(scope="module")
def sweep(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sweep]:
    """Give the sweep; the targets of all collected tests are under way."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = [call.params["target"] for call in calls if call and "target" in call.params]
    with sweeping(tmp_path_factory.mktemp("sweep")) as found:
        found.begin(wanted)
        yield found
