"""Benchmarks: what external-gate costs, each figure against a baseline in the same run.

`plan` says how long, `rounds` interleaves, `verdicts` judges, `rows` are the lines of the table;
`load` is the load generator, `servers` and `baselines` what it is aimed at, `outside` a stub.
"""
