"""The one seam for HTTP out of this service, and the truth about how each call ended."""
