"""Guards: pure rules that are asked before a charge, in the transaction that saves the intent."""
