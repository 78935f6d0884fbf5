"""Reading of git objects, on raw bytes: packs, indexes, loose files, trees.

Imports the standard library only, so that the child process that reads pushed packs starts fast.
"""
