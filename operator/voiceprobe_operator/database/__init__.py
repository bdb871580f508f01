"""MySQL: the plan, the clients' rows and read accounts, and what the view of states says."""

from voiceprobe_operator.database.transactions import Database

__all__ = ["Database"]
