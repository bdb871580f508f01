"""Logs of everything in this process, ours, kopf's and the libraries', as one JSON object a line."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from contextvars import ContextVar
from types import TracebackType

CLIENT: ContextVar[str] = ContextVar("client", default="")
"""The client that is being worked for, in whatever is done for it."""
LEVELS = ("debug", "info", "warning", "error")


class JsonFormatter(logging.Formatter):
    """A record as JSON: when, how bad, who says it, of which client, what."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: what is in the text cannot begin another."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "severity": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # What kopf knows of the object it speaks of.
        about = getattr(record, "k8s_ref", None) or {}
        if client := about.get("namespace") or CLIENT.get():
            line["client"] = client
        if about:
            line["object"] = about
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Send every record of at least this level (one of LEVELS) to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    if level != "debug":
        handler.addFilter(_is_news)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    if level != "debug":
        # kopf tells of every handler that succeeded, which here means only that an object was heard of.
        logging.getLogger("kopf.objects").setLevel(logging.WARNING)


def is_answer(error: BaseException | None) -> bool:
    """Whether an error is what the API server answered to kopf: it has words, and a traceback tells nobody anything."""
    return type(error).__module__.startswith("kopf.")


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is not kopf's account of an answer that it did not like: what comes of it, we say in a sentence."""
    if not record.name.startswith("kopf."):
        return True
    is_attempt = record.getMessage().startswith("Request attempt ")
    return not is_attempt and not (record.exc_info and is_answer(record.exc_info[1]))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("voiceprobe_operator").critical("ended by an error", exc_info=(kind, error, trace))
