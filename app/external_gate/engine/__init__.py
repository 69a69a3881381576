"""The engine: one step per state, each durable before it acts."""
