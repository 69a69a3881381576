"""Where workflows live: the contract, and the databases behind it."""
