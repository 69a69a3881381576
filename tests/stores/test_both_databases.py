"""Whatever touches a store is tested on both databases, or stands here with its reason."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]

OPENS_A_FILE = re.compile(
    r"SqliteStore\(|SqliteFile\(|SqliteDatabase|sqlite:///|sqlite_url\(|\bplayers\(|\"gate\.db\""
)
"""How a test comes to a SQLite store past the fixtures `database` and `store`."""

ONLY_FILES = {
    "bench": "what measures is tested, not what is measured: `make bench` has rows of both",
    "cli/conftest.py": "names the file that some tests look at; the database is `database`",
    "cli/test_checkup.py": "judges what was found out about a file; test_db.py has the schema",
    "cli/test_db.py": "each test names its databases itself, mostly both",
    "cli/test_db_copy.py": "a file is what is copied, to PostgreSQL",
    "cli/test_doctor.py": "those that ask for a file alone say why; test_db.py has the schema",
    "cli/test_gateways_list.py": "no database is opened",
    "cli/test_main.py": "no database is opened",
    "cli/test_payer_sources.py": "no database is opened",
    "chaos": "runs on PostgreSQL alone: a file has one process",
    "conftest.py": "this is where `database` comes from",
    "crashes/places.py": "gives a sweep either; CI sweeps both",
    "damage": "disks, locks and logs of files; stores/test_postgres_faults.py has a server's",
    "databases.py": "this is what `database` gives",
    "hostile": "the listener is attacked; what stands behind it is tested in web, on both",
    "hostile_input/served.py": "parsers are fed; what they let through is put to both in intake",
    "settings": "addresses are read, nothing is opened",
    "simulation": "test_on_postgres.py lives seeds on both, to the same last line",
    "states/drive.py": "every cell on a file, some also on PostgreSQL: test_states.py",
    "stores": "its contract runs on both; what is one database's has its name in the module's",
    "stories/conftest.py": "this is where `store` comes from",
    "stories/players.py": "the file of a story that is told on both",
    "stories/test_kills.py": "breaks either by hand; those that ask for a file alone say why",
    "testkit/test_naive_stores.py": "makes faulty stores of a sound one, for the kit to find",
}
"""Modules and rooms that open files, and why that is enough."""


def test_whoever_opens_a_file_alone_says_why() -> None:
    opening = {
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if path != Path(__file__) and OPENS_A_FILE.search(path.read_text())
    }

    unexplained = [each for each in sorted(opening) if not _reasons(each)]
    idle = set(ONLY_FILES) - {reason for each in opening for reason in _reasons(each)}
    assert not unexplained, "use the fixture `database` (tests/conftest.py), or say why not here"
    assert not idle, "nothing there opens a file any more"


def _reasons(module: str) -> list[str]:
    """Give the entries under which a module stands."""
    return [place for place in ONLY_FILES if module == place or module.startswith(f"{place}/")]
