"""The few calls to the Kubernetes API that kopf does not make for us.

Over the official client's asyncio `ApiClient`, with JSON as it comes: its generated models would cost 25 MB of memory
and know nothing of our kinds.
"""

# ruff: noqa: ANN401 - JSON is whatever the API server says

from __future__ import annotations

import base64
import datetime
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import kopf
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from voiceprobe_operator import metrics, names
from voiceprobe_operator.errors import Rejected, Transient, explain
from voiceprobe_operator.model import Reference

GROUP, VERSION = "voicequality.io", "v1alpha1"
API = f"{GROUP}/{VERSION}"
PLURALS = {"VoiceProbe": "voiceprobes", "VoiceClient": "voiceclients"}
EventType = Literal["Normal", "Warning"]
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
CONNECTIONS = 8
PAGE = 250
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_NOT_FOUND, _CONFLICT, _UNAUTHORIZED = 404, 409, 401


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
        self._credentials: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            # What the client was given, it does not close.
            await self._client.configuration.client_session_kwargs["connector"].close()
            self._client = None

    async def objects(self, kind: str) -> AsyncIterator[dict[str, Any]]:
        """All objects of our `kind` of all namespaces, page by page; raises before the end if it is not complete."""
        token = ""
        while True:
            params = {"limit": str(PAGE), "continue": token} if token else {"limit": str(PAGE)}
            page = await self._call("GET", f"/apis/{API}/{PLURALS[kind]}", params=params)
            for item in page.body["items"]:
                # The objects of a list leave out their own kind.
                yield {"apiVersion": API, "kind": kind, **item}
            token = page.body["metadata"].get("continue", "")
            if not token:
                return

    async def patch_status(self, ref: Reference, status: Mapping[str, Any]) -> dict[str, Any] | None:
        """Merge `status` into the object's status; the object as it is then. None: it is gone, and needs none."""
        path = f"/apis/{API}/namespaces/{ref.namespace}/{PLURALS[ref.kind]}/{ref.name}/status"
        # The uid makes the API server refuse (409) if another object has taken the name.
        body = {"metadata": {"uid": ref.uid}, "status": status}
        answer = await self._call("PATCH", path, body, accept=(_NOT_FOUND, _CONFLICT))
        return None if answer.status in {_NOT_FOUND, _CONFLICT} else {"kind": ref.kind, **answer.body}

    async def password(self, namespace: str, client: str) -> str:
        """The password of the client's read account, made up and kept in a Secret on first sight."""
        labels = {f"{GROUP}/client": client}
        return await self._password(namespace, names.secret(client), names.account(client), labels)

    async def fleet_password(self, namespace: str) -> str:
        """The password of the account that reads all clients' calls, likewise."""
        return await self._password(namespace, names.FLEET_SECRET, names.FLEET_ACCOUNT, {})

    async def _password(self, namespace: str, name: str, account: str, labels: Mapping[str, str]) -> str:
        path = f"/api/v1/namespaces/{namespace}/secrets"
        found = await self._call("GET", f"{path}/{name}", accept=(_NOT_FOUND,))
        if found.status != _NOT_FOUND and (kept := (found.body.get("data") or {}).get("password")):
            return base64.b64decode(kept).decode()
        password = secrets.token_urlsafe(32)
        content = {"stringData": {"username": account, "password": password}}
        if found.status == _NOT_FOUND:
            metadata = {"name": name, "labels": {"app.kubernetes.io/managed-by": names.MANAGER, **labels}}
            await self._call("POST", path, {"metadata": metadata, **content})
        else:
            await self._call("PATCH", f"{path}/{name}", content)
        return password

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
            self._credentials = login().as_http_headers()
            answer = await self._request(method, path, body, params or {})
        if answer.status < 300 or answer.status in accept:
            return answer
        sentence = f"the Kubernetes API answered {answer.status} to {method} {path}: {_message(answer.body)}"
        if answer.status in {400, 422}:
            raise Rejected("KubernetesRejected", sentence)
        raise Transient("KubernetesUnavailable", sentence)

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
            info = login()
            connector = aiohttp.TCPConnector(ssl=info.as_ssl_context(), limit=CONNECTIONS)
            configuration = Configuration(host=info.server)
            configuration.client_session_kwargs = {"connector": connector}
            self._client, self._credentials = ApiClient(configuration), info.as_http_headers()
        return self._client


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
