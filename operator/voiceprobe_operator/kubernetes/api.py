"""The few calls to the Kubernetes API that kopf does not make for us.

Over the official client's asyncio `ApiClient`, with JSON as it comes: its generated models would cost 25 MB of memory
and know nothing of our kinds.
"""

# ruff: noqa: ANN401 - JSON is whatever the API server says

from __future__ import annotations

import datetime
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

import aiohttp
import kopf
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from voiceprobe_operator import metrics, names
from voiceprobe_operator.errors import Denied, OutsideError, Rejected, Transient, explain
from voiceprobe_operator.kubernetes import crds
from voiceprobe_operator.model import Reference

log = logging.getLogger(__name__)

GROUP, VERSION = "voicequality.io", "v1alpha1"
API = f"{GROUP}/{VERSION}"
PLURALS = {"VoiceProbe": "voiceprobes", "VoiceClient": "voiceclients", "NumberAllotment": "numberallotments"}
# It came later than the others, and helm never adds a CRD to a release: without it, no number is allotted.
_MAY_BE_MISSING = "NumberAllotment"
EventType = Literal["Normal", "Warning"]
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
# The API server ends a watch after that; a connection that went away unnoticed is noticed then.
WATCH_SECONDS = 300
STREAM_TIMEOUT = aiohttp.ClientTimeout(sock_connect=5, sock_read=WATCH_SECONDS + 30)
CONNECTIONS = 8
# Of an object nobody bounds the labels and annotations but the API server and etcd, at 1.5 MB: a page of such fits into
# the memory that the operator has.
PAGE = 20
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_SECRETS = "/api/v1/namespaces/{}/secrets"
_ROLES = "Its roles must be those of the chart, which `helm upgrade` puts back"
_NOT_FOUND, _CONFLICT, _UNAUTHORIZED, _FORBIDDEN = 404, 409, 401, 403


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any


def login() -> kopf.ConnectionInfo:
    """The way to the API server: the pod's service account, or else KUBECONFIG; raises kopf.LoginError."""
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise kopf.LoginError("neither a service account nor a kubeconfig leads to a Kubernetes API server")
    return info


class Kubernetes:
    """The API server, as the operator's own account. Raises Transient or Rejected."""

    def __init__(self) -> None:
        self._client: ApiClient | None = None
        self._streams: ApiClient | None = None
        self._credentials: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        for client in (self._client, self._streams):
            if client is not None:
                await client.close()
                # What the client was given, it does not close.
                await client.configuration.client_session_kwargs["connector"].close()
        self._client = self._streams = None

    async def objects(self, kind: str) -> AsyncIterator[dict[str, Any]]:
        """All objects of our `kind` of all namespaces, page by page; raises before the end if it is not complete."""
        token = ""
        while True:
            params = {"limit": str(PAGE), "continue": token} if token else {"limit": str(PAGE)}
            page = await self._call("GET", f"/apis/{API}/{PLURALS[kind]}", params=params, accept=(_NOT_FOUND,))
            if page.status == _NOT_FOUND:
                if kind == _MAY_BE_MISSING:
                    # What `crd` is asked for says so.
                    return
                raise Transient("KubernetesUnavailable", crds.missing(kind))
            for item in page.body["items"]:
                # The objects of a list leave out their own kind.
                yield {"apiVersion": API, "kind": kind, **item}
            token = page.body["metadata"].get("continue", "")
            if not token:
                return

    async def crd(self, kind: str) -> dict[str, Any] | None:
        """The CRD of our `kind`; None: there is none."""
        # By a list, as the operator may not get them: it needs none but these and kopf lists them anyway.
        params = {"fieldSelector": f"metadata.name={PLURALS[kind]}.{GROUP}"}
        items = (await self._call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", params=params)).body
        found: list[dict[str, Any]] = items["items"]
        return found[0] if found else None

    async def patch_status(self, ref: Reference, status: Mapping[str, Any]) -> dict[str, Any] | None:
        """Merge `status` into the object's status; the object as it is then. None: it is gone, and needs none."""
        within = f"namespaces/{ref.namespace}/" if ref.namespace else ""
        path = f"/apis/{API}/{within}{PLURALS[ref.kind]}/{ref.name}/status"
        # The uid makes the API server refuse (409) if another object has taken the name.
        body = {"metadata": {"uid": ref.uid}, "status": status}
        answer = await self._call("PATCH", path, body, accept=(_NOT_FOUND, _CONFLICT))
        return None if answer.status in {_NOT_FOUND, _CONFLICT} else {"kind": ref.kind, **answer.body}

    async def secret(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Secret as it is; None: there is none. Raises Denied if this account may not read it."""
        answer = await self._call("GET", _secret(namespace, name), accept=(_NOT_FOUND,))
        return None if answer.status == _NOT_FOUND else answer.body

    async def create_secret(self, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a Secret; as it is then."""
        answer: dict[str, Any] = (await self._call("POST", _SECRETS.format(namespace), body)).body
        return answer

    async def patch_secret(self, namespace: str, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Merge `content` into a Secret; as it is then."""
        answer: dict[str, Any] = (await self._call("PATCH", _secret(namespace, name), content)).body
        return answer

    async def watch_secrets(self, namespace: str, selector: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """What becomes of the Secrets that `selector` (query parameters) selects, from those that are there on.

        Each is a watch event: `type` and `object`. Ends when the API server ends it, after some minutes.
        """
        params = {**selector, "watch": "1", "timeoutSeconds": str(WATCH_SECONDS)}
        try:
            async with await self._open(_SECRETS.format(namespace), params) as response:
                if response.status >= 300:
                    raise _refusal("GET", str(response.url.path), response.status, None)
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        text = f"a watch of Secrets broke: {_message(event['object'])}"
                        raise Transient("KubernetesUnavailable", text)
                    yield event
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Transient("KubernetesUnavailable", f"a watch of Secrets broke: {explain(error)}") from error

    async def _open(self, path: str, params: Mapping[str, str]) -> aiohttp.ClientResponse:
        """A stream, over a connection that no other request waits for."""
        if self._streams is None:
            self._streams = _client(self._log_in(), connections=0)
        headers = {"Accept": "application/json", **self._credentials}
        url = f"{self._streams.configuration.host}{path}?{urlencode(params)}"
        answer = await self._streams.call_api("GET", url, headers, _request_timeout=STREAM_TIMEOUT)
        if answer.status == _UNAUTHORIZED:
            self._log_in()
        response: aiohttp.ClientResponse = answer.response
        return response

    async def event(self, ref: Reference, kind: EventType, reason: str, message: str) -> None:
        """Tell those who look at the object that something really changed."""
        about = {"apiVersion": API, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name, "uid": ref.uid}
        await self._event(ref.namespace, about, kind, reason, message)

    async def namespace_event(self, namespace: str, kind: EventType, reason: str, message: str) -> None:
        """Tell those who look at a namespace's Events something that concerns no object that there is."""
        about = {"apiVersion": "v1", "kind": "Namespace", "namespace": namespace, "name": namespace}
        await self._event(namespace, about, kind, reason, message)

    async def _event(
        self, namespace: str, about: Mapping[str, str], kind: EventType, reason: str, message: str
    ) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "metadata": {"name": f"{about['name'][:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": names.MANAGER},
            "reportingComponent": names.MANAGER,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        # A namespace that is being deleted takes no more Events, and nobody would read them.
        await self._call("POST", f"/api/v1/namespaces/{namespace}/events", body, accept=(_NOT_FOUND, 403))

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Lease as it is; None: there is none."""
        answer = await self._call("GET", f"{_LEASES.format(namespace)}/{name}", accept=(_NOT_FOUND,))
        return None if answer.status == _NOT_FOUND else answer.body

    async def put_lease(self, namespace: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Make a Lease, or replace it in the version that `body` names; None: somebody else was quicker."""
        path = _LEASES.format(namespace)
        if "resourceVersion" in body["metadata"]:
            name = body["metadata"]["name"]
            answer = await self._call("PUT", f"{path}/{name}", body, accept=(_NOT_FOUND, _CONFLICT))
        else:
            answer = await self._call("POST", path, body, accept=(_CONFLICT,))
        return None if answer.status in {_NOT_FOUND, _CONFLICT} else answer.body

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> _Answer:
        """The one way to the API server: every request that is not kopf's passes here. A PATCH is a merge patch."""
        answer = await self._request(method, path, body, params or {})
        if answer.status == _UNAUTHORIZED:
            # A service account's token lives for an hour; the fresh one is in the same file.
            self._log_in()
            answer = await self._request(method, path, body, params or {})
        if answer.status < 300 or answer.status in accept:
            return answer
        raise _refusal(method, path, answer.status, answer.body)

    async def _request(self, method: str, path: str, body: Any, params: Mapping[str, str]) -> _Answer:
        client = self._connected()
        headers = {"Accept": "application/json", **self._credentials}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        url = client.configuration.host + path + (f"?{urlencode(params)}" if params else "")
        try:
            with metrics.request("kubernetes", metrics.route(method, path)) as call:
                response = await client.call_api(method, url, headers, body, _request_timeout=TIMEOUT)
                call.code = str(response.status)
                content = await response.read()
            return _answer(response.status, content)
        except (aiohttp.ClientError, TimeoutError) as error:
            text = f"the Kubernetes API does not answer: {explain(error)}"
            raise Transient("KubernetesUnavailable", text) from error

    def _connected(self) -> ApiClient:
        if self._client is None:
            self._client = _client(self._log_in(), connections=CONNECTIONS)
        return self._client

    def _log_in(self) -> kopf.ConnectionInfo:
        try:
            info = login()
        except (kopf.LoginError, OSError, ValueError) as error:
            text = f"there is no way to the Kubernetes API: {explain(error)}"
            raise Transient("KubernetesUnavailable", text) from error
        self._credentials = info.as_http_headers()
        return info


def _secret(namespace: str, name: str) -> str:
    return f"{_SECRETS.format(namespace)}/{quote(name, safe='')}"


def _client(info: kopf.ConnectionInfo, *, connections: int) -> ApiClient:
    """A client of at most so many connections (0: of any number)."""
    configuration = Configuration(host=info.server)
    connector = aiohttp.TCPConnector(ssl=info.as_ssl_context(), limit=connections)
    configuration.client_session_kwargs = {"connector": connector}
    return ApiClient(configuration)


def _refusal(method: str, path: str, status: int, body: Any) -> OutsideError:
    sentence = f"the Kubernetes API answered {status} to {method} {path}: {_message(body)}"
    if status in {400, 422}:
        return Rejected("KubernetesRejected", sentence)
    if status == _FORBIDDEN:
        return Denied("KubernetesUnavailable", f"{sentence}. {_ROLES}")
    return Transient("KubernetesUnavailable", sentence)


def _answer(status: int, text: bytes) -> _Answer:
    try:
        return _Answer(status, json.loads(text))
    except ValueError as error:
        if status < 300:
            # A web page: a load balancer or something else answers at the API server's address.
            raise Transient("KubernetesUnavailable", "the Kubernetes API did not answer JSON: is it one?") from error
        return _Answer(status, None)


def _message(body: Any) -> str:
    return str(body.get("message", "no reason given")) if isinstance(body, dict) else "no reason given"
