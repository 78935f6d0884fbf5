"""Floor 0: the vocabulary that every room shares, and the ledger they meet in.

Imports nothing of ours. Names follow section 4 of the architecture document.
"""
