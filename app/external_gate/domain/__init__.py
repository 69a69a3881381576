"""What the product knows about money, charges and a workflow's life; pure."""
