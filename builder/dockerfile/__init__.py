"""Users' Dockerfiles: read, checked against what a tenant may ask of the server, rewritten.

text → parse → instructions → check (what it needs; refusals name the line) → rewrite → text
"""

from builder.dockerfile.check import Needs, check
from builder.dockerfile.parse import Dockerfile, Instruction, parse
from builder.dockerfile.rewrite import rewrite

__all__ = ["Dockerfile", "Instruction", "Needs", "check", "parse", "rewrite"]
