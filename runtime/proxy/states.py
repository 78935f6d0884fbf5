"""What a client connection does now. Plain integers: compared for every piece of data."""

from __future__ import annotations

from typing import Final

HEAD: Final = 0  # idle, or a request's head comes in
ARRANGING: Final = 1  # the request is read; who answers, or a connection to it, is being found
BODY: Final = 2  # the request's body is being passed on
ANSWER: Final = 3  # the request is complete; its answer is being passed on
LINGER: Final = 4  # answered; what the client still sends is thrown away, then closed
CLOSED: Final = 5  # closing, or given to somebody else
