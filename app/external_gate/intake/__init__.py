"""Intake: from the bytes of a notification to a durable row."""
