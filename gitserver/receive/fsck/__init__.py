"""Checks of new objects, by git's own message ids (git-fsck(1)); standard library only."""
