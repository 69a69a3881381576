"""What is demanded of every store, one module per room of the contract `stores.Store`."""
