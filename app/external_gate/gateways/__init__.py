"""Gateways: the contract, the registry of adapters, and our own adapters."""
