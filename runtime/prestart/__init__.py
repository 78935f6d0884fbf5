"""Processes that wait with an SDK imported, so that an app starts in a fraction of the time."""
