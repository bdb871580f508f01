"""What is counted of sign-ins, for Prometheus. No label holds a name or an address.

gunicorn's processes write into one folder, from which `voice_portal.config.serving` answers.
"""

from typing import Literal, get_args

from prometheus_client import Counter, Histogram

from voice_portal.accounts.throttle import KINDS

Outcome = Literal["succeeded", "failed", "locked", "busy", "malformed"]

SIGN_INS = Counter(
    "voice_portal_sign_ins_total",
    "Attempts to sign in: succeeded; failed; locked or slowed (no password was looked at); "
    "busy (no room to hash one more password); malformed (too long, or not text)",
    ["outcome"],
)
LOCKS = Counter(
    "voice_portal_sign_in_locks_total",
    "Subjects that reached their limit of failed attempts: locked, or, by account alone, slowed",
    ["by"],
)
HASH_SECONDS = Histogram(
    "voice_portal_password_hash_seconds",
    "Time that checking a password took, without waiting for its turn",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
# From the start: a rise from nothing to one is not seen by rate().
for _outcome in get_args(Outcome):
    SIGN_INS.labels(_outcome)
for _kind in KINDS:
    LOCKS.labels(_kind)


def sign_in(outcome: Outcome) -> None:
    """One attempt ended so."""
    SIGN_INS.labels(outcome).inc()
