"""The sweep of a module: everything that is asked for is killed at once, several side by side."""

from collections.abc import Iterator

import pytest

from tests.crashes.judgement import Harm
from tests.crashes.points import Target
from tests.crashes.sweep import Sweep, sweeping
from tests.databases import Schemas
from tests.tallies import count


@pytest.fixture(scope="module")
def sweep(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sweep]:
    """Give the sweep; the targets of all collected tests are under way."""
    items = [item for item in request.session.items if item.path == request.path]
    calls = [getattr(item, "callspec", None) for item in items]
    wanted = [call.params["target"] for call in calls if call and "target" in call.params]
    schemas: Schemas | None = None
    if any(target.on_postgres for target in wanted):
        schemas = request.getfixturevalue("schemas")
    with sweeping(tmp_path_factory.mktemp("sweep"), schemas=schemas) as found:
        found.begin(wanted)
        yield found


def complaint_about(sweep: Sweep, target: Target) -> str:
    """Wait for the report about a target, count it, and give what is wrong."""
    report = sweep.report(target)
    count("crash sweep: points swept", report.struck)
    count("crash sweep: held for a person instead of the usual end", not report.is_as_expected)
    for harm in Harm:
        count(f"crash sweep: {harm}", sum(found is harm for found, _ in report.found))
    return report.complaint
