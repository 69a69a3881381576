"""`python -m external_gate` is `external-gate`."""

from external_gate.cli.main import main

if __name__ == "__main__":
    main()
