"""Who works on whole workflows: external-gate's own worker, and what somebody would do instead.

Each kind is a room with `open_crew(place)`, which gives a `Crew`. It lives in a process of its own,
which is told what to do, turn by turn, so that kinds can alternate.
"""
