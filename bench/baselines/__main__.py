"""`python -m bench.baselines KIND PORT [DATABASE_URL] [plain]`: serve one baseline."""

import asyncio
import importlib
import sys

import uvicorn

from external_gate.web.server import listen, make_server

KINDS = (
    "bare", "ceiling", "least_kept", "aiosqlite_insert", "postgres_insert", "dbos_enqueue",
    "procrastinate_defer",
)  # fmt: skip


def main() -> None:
    """Serve until killed, on the server of external-gate or, `plain`, by uvicorn's own choices."""
    kind, port, database_url, *how = sys.argv[1:]
    if kind not in KINDS:
        sys.exit(f"no baseline {kind}: take one of {', '.join(KINDS)}")
    if how == ["plain"]:
        _serve_plain(kind, int(port), database_url)
    else:
        asyncio.run(_serve(kind, int(port), database_url))


async def _serve(kind: str, port: int, database_url: str) -> None:
    async with importlib.import_module(f"bench.baselines.{kind}").open_app(database_url) as app:
        with listen("127.0.0.1", port) as listener:
            await make_server(app).serve(sockets=[listener])


def _serve_plain(kind: str, port: int, database_url: str) -> None:
    async def serve() -> None:
        async with importlib.import_module(f"bench.baselines.{kind}").open_app(database_url) as app:
            config = uvicorn.Config(app, port=port, access_log=False, log_level="warning")
            await uvicorn.Server(config).serve()

    loop_factory = uvicorn.Config(app="").get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()
