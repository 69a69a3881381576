"""What somebody would write or take instead of external-gate, as well as they would do it.

Each is a room with `open_app(database_url)`, which gives an ASGI application that answers
`POST /webhooks/metronome`. All check the signature; only `bare` does nothing at all.
"""
