"""Persistent disks and shared folders: how they come to be, are mounted, watched and removed."""
