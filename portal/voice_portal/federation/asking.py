"""Questions to a provider's server, which may be slow, away or not what it should be: a page must never hang on it."""

import functools
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import httpx

from voice_portal.config.providers.model import Provider
from voice_portal.federation.refusals import ProviderAway

log = logging.getLogger(__name__)

# For all questions of one sign-in together.
DEADLINE_SECONDS = 5.0
LARGEST_BYTES = 2 * 1024 * 1024
# Of a process' threads (`--threads` in the chart) as many at most wait for providers; the others serve pages.
AT_ONCE = 6
# After a failure, nobody waits for the same again so soon.
PAUSE_SECONDS = 5.0
_room = threading.BoundedSemaphore(AT_ONCE)
_away_until: dict[str, float] = {}


class Line:
    """What one sign-in asks one provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._deadline = time.monotonic() + DEADLINE_SECONDS

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        """The whole answer, of any status below 500; raises ProviderAway. The answer is not followed anywhere."""
        name = self._provider.name
        if time.monotonic() < _away_until.get(name, 0.0):
            raise self._away("did not answer a moment ago")
        if not _room.acquire(blocking=False):
            raise self._away("too many sign-ins wait for providers already")
        try:
            answer = self._ask(method, url, headers=headers, data=form, json=json, auth=auth)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            _away_until[name] = time.monotonic() + PAUSE_SECONDS
            raise self._away(f"{url}: {type(error).__name__}: {error}") from error
        finally:
            _room.release()
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self._away(f"{url}: status {answer.status_code}")
        return answer

    def _ask(self, method: str, url: str, **what: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes it
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("the time for this sign-in is over")
        with (
            httpx.Client(timeout=left, trust_env=False, verify=_trusting(self._provider)) as http,
            http.stream(method, url, **what) as answer,
        ):
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > LARGEST_BYTES:
                    raise httpx.DecodingError("more than anybody needs")
                if time.monotonic() > self._deadline:
                    raise httpx.ReadTimeout("the answer trickles in")
        return httpx.Response(answer.status_code, content=bytes(body), request=answer.request)

    def _away(self, reason: str) -> ProviderAway:
        log.warning("provider %s: %s", self._provider.name, reason)
        return ProviderAway(self._provider.display_name, reason)


def _trusting(provider: Provider) -> ssl.SSLContext:
    """What verifies the provider's certificate: the usual authorities, and the one that is set, as it is now."""
    path = provider.ca_file
    return _context(path, path.stat().st_mtime_ns) if path else _context(None, 0)


@functools.lru_cache(maxsize=4)
def _context(path: Path | None, _modified_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    if path:
        context.load_verify_locations(path)
    return context
