"""What a running service says about itself: logs without secrets, and metrics."""
