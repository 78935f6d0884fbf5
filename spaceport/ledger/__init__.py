"""The ledger: tables and event log, the only place where the rooms meet.

`Ledger` opens it; the modules beside it hold one subject each as plain functions that take a
transaction first, so that several changes and their event are one commit.
"""

from spaceport.ledger.database import Ledger, Tx

__all__ = ["Ledger", "Tx"]
