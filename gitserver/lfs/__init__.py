"""git-lfs: large objects, their store, and the batch, transfer and lock APIs."""
