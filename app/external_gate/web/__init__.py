"""The HTTP face: webhooks in, health and metrics out."""
