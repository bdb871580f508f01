"""The few calls to the Kubernetes API that kopf does not make for us."""

# ruff: noqa: ANN401 - JSON is whatever the API server says

from __future__ import annotations

import base64
import datetime
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import kopf

from voiceprobe_operator import names
from voiceprobe_operator.errors import Rejected, Transient, explain
from voiceprobe_operator.model import Reference

GROUP, VERSION = "voicequality.io", "v1alpha1"
API = f"{GROUP}/{VERSION}"
PLURALS = {"VoiceProbe": "voiceprobes", "VoiceClient": "voiceclients"}
EventType = Literal["Normal", "Warning"]
TIMEOUT = httpx.Timeout(30, connect=5)
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

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._http: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

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
        headers = {"Content-Type": "application/merge-patch+json"}
        # The uid makes the API server refuse (409) if another object has taken the name.
        body = {"metadata": {"uid": ref.uid}, "status": status}
        answer = await self._call("PATCH", path, json=body, headers=headers, accept=(_NOT_FOUND, _CONFLICT))
        return None if answer.status in {_NOT_FOUND, _CONFLICT} else {"kind": ref.kind, **answer.body}

    async def password(self, namespace: str, client: str) -> str:
        """The password of the client's read account, made up and kept in a Secret on first sight."""
        name = names.secret(client)
        path = f"/api/v1/namespaces/{namespace}/secrets"
        found = await self._call("GET", f"{path}/{name}", accept=(_NOT_FOUND,))
        if found.status != _NOT_FOUND and (kept := (found.body.get("data") or {}).get("password")):
            return base64.b64decode(kept).decode()
        password = secrets.token_urlsafe(32)
        content = {"stringData": {"username": names.account(client), "password": password}}
        if found.status == _NOT_FOUND:
            labels = {"app.kubernetes.io/managed-by": names.MANAGER, f"{GROUP}/client": client}
            await self._call("POST", path, json={"metadata": {"name": name, "labels": labels}, **content})
        else:
            headers = {"Content-Type": "application/merge-patch+json"}
            await self._call("PATCH", f"{path}/{name}", json=content, headers=headers)
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
        await self._call("POST", f"/api/v1/namespaces/{namespace}/events", json=body, accept=(_NOT_FOUND, 403))

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Lease as it is; None: there is none."""
        answer = await self._call("GET", f"{_LEASES.format(namespace)}/{name}", accept=(_NOT_FOUND,))
        return None if answer.status == _NOT_FOUND else answer.body

    async def put_lease(self, namespace: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Make a Lease, or replace it in the version that `body` names; None: somebody else was quicker."""
        path = _LEASES.format(namespace)
        if "resourceVersion" in body["metadata"]:
            name = body["metadata"]["name"]
            answer = await self._call("PUT", f"{path}/{name}", json=body, accept=(_NOT_FOUND, _CONFLICT))
        else:
            answer = await self._call("POST", path, json=body, accept=(_CONFLICT,))
        return None if answer.status in {_NOT_FOUND, _CONFLICT} else answer.body

    async def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **content: Any) -> _Answer:
        response = await self._request(method, path, **content)
        if response.status_code == _UNAUTHORIZED:
            # A service account's token lives for an hour; the fresh one is in the same file.
            self._client().headers.update(login().as_http_headers())
            response = await self._request(method, path, **content)
        if response.is_success or response.status_code in accept:
            return _Answer(response.status_code, response.json())
        sentence = f"the Kubernetes API answered {response.status_code} to {method} {path}: {_message(response)}"
        if response.status_code in {400, 422}:
            raise Rejected("KubernetesRejected", sentence)
        raise Transient("KubernetesUnavailable", sentence)

    async def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return await self._client().request(method, path, **content)
        except httpx.TransportError as error:
            text = f"the Kubernetes API does not answer: {explain(error)}"
            raise Transient("KubernetesUnavailable", text) from error

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            info = login()
            self._http = httpx.AsyncClient(
                base_url=info.server,
                headers=info.as_http_headers(),
                verify=info.as_ssl_context(),
                timeout=TIMEOUT,
                transport=self._transport,
            )
        return self._http


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
