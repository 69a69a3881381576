"""Put, change and re-enable thresholds, prove it by reading back; find lost webhooks."""
