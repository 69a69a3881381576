"""`python -m bench.outside PORT METRONOME_SECONDS GATEWAY_SECONDS`: serve the stub."""

import asyncio
import sys

from bench.outside.stub_protocol import Stub, StubProtocol


async def _serve(port: int, delays: tuple[float, float]) -> None:
    stub = Stub(metronome_seconds=delays[0], gateway_seconds=delays[1])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: StubProtocol(stub), "127.0.0.1", port, backlog=2_048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), (float(sys.argv[2]), float(sys.argv[3]))))
