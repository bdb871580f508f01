"""Whether the cluster's CRDs are those that this operator was made for. Nothing here does I/O.

Helm adds and changes no CRD of a release that is there. Of an older one, the API server drops the fields that it does
not know from whatever is applied, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voiceprobe_operator.kubernetes.fields import FIELDS

MEND = "helm show crds CHART | kubectl apply --server-side --field-manager=helm --force-conflicts -f -"
NAMED = 5


def judged(kind: str, crd: Mapping[str, Any] | None, version: str) -> tuple[str, str]:
    """What is wrong with the CRD of our `kind` (None: there is none), and what is worth knowing; empty: nothing."""
    if crd is None:
        return missing(kind), ""
    served = {one["name"]: one for one in crd["spec"]["versions"] if one.get("served")}
    if version not in served:
        return f"the cluster's CRD of {kind} serves no version {version}: {MEND}", ""
    have = frozenset(paths(served[version].get("schema", {}).get("openAPIV3Schema", {})))
    if lacking := FIELDS[kind] - have:
        text = (
            f"the cluster's CRD of {kind} is older than this operator and drops {_named(lacking)} from what is applied"
        )
        return f"{text}: {MEND}", ""
    if more := have - FIELDS[kind]:
        text = f"the cluster's CRD of {kind} is newer than this operator, which does nothing with {_named(more)}"
        return "", f"{text}: bring the operator to the version of the CRDs"
    return "", ""


def missing(kind: str) -> str:
    """What a cluster without the CRD of our `kind` means, and how to mend it."""
    so = ", so no number is allotted" if kind == "NumberAllotment" else ", so nothing can be declared"
    return f"the cluster knows no {kind}{so}: {MEND}"


def paths(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """The path of every field below a schema; those of a list's items have [] in them."""
    for name, one in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield path
        yield from paths(one, path)
    if items := schema.get("items"):
        yield from paths(items, f"{at}[]")


def _named(fields: frozenset[str]) -> str:
    first = sorted(fields)[:NAMED]
    more = len(fields) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
