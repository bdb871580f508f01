"""Under which licence each part that we hand on is, and whether it may be combined with our own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata

from voice_lab import places
from voice_lab.errors import LabError
from voice_lab.images import spdx

EXTRAS = ("operator", "portal", "sipapp", "aws", "score")
"""What is handed on, of `pyproject.toml`'s; the lab and the tests are not."""

# How older packages say it.
ALIASES = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "public domain": "LicenseRef-public-domain",
}

# Read by a person in the packages themselves, where these tell nothing that a program understands.
READ = {
    "croniter": "MIT",
    "g722": "LicenseRef-public-domain",
    "protobuf": "BSD-3-Clause",
}

# Debian's packages in the images, by the licence of those files of theirs that are there, as a person read it in their
# copyright files. LGPL and GPL with an exception: libraries of the system beneath, which are called, and not changed.
# Where a line says "judged", the copyright file names several licences, and this is why the others do not count.
SYSTEM = {
    "ca-certificates": "MPL-2.0",  # judged: the certificates alone are there; the scripts are GPL-2.0-or-later
    "gcc-14-base": "GPL-3.0-or-later WITH GCC-exception-3.1",  # judged: its copyright file alone is there
    "libbz2-1.0": "bzip2-1.0.6",
    "libc-bin": "LGPL-2.1-or-later",  # judged: its settings alone are there; some programs are GPL-2.0-or-later
    "libc6": "LGPL-2.1-or-later",  # judged: what all of it is under; parts are under terms that ask for less
    "libexpat1": "MIT",
    "libffi8": "MIT",  # judged: the library alone; tests and tools of its sources are GPL
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "liblzma5": "0BSD",  # judged: the library alone; scripts of its sources are GPL-2.0-or-later
    "libpython3.13-minimal": "PSF-2.0",  # judged: what all of it is under; parts are under others as free as MIT
    "libpython3.13-stdlib": "PSF-2.0",  # judged: the same
    "libssl3t64": "Apache-2.0",
    "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libuuid1": "BSD-3-Clause",  # judged: the library alone; what else util-linux has is GPL-2.0-or-later
    "libzstd1": "BSD-3-Clause",  # or GPL-2.0-only, as one likes
    "openssl": "Apache-2.0",
    "python3.13-minimal": "PSF-2.0",  # judged: as libpython3.13-minimal
    "tzdata": "LicenseRef-public-domain",
    "zlib1g": "Zlib",
}
SYSTEM_ALLOWED = spdx.ALLOWED | {"LGPL-2.1-or-later"}


@dataclass(frozen=True)
class Part:
    """Something that we hand on.

    Attributes:
        kind: who published it: `pypi`, `deb`, or `generic`.
        licence: an SPDX expression; "" if it says none that is known.
        said: what it says of itself.
    """

    kind: str
    name: str
    version: str
    licence: str
    said: str = ""


def of_package(text: str) -> Part:
    """A Python package, by its METADATA."""
    headers = HeaderParser().parsestr(text)
    name = re.sub(r"[-_.]+", "-", headers["Name"]).lower()
    licence = READ.get(name) or headers["License-Expression"] or _of_old(headers)
    said = "; ".join(filter(None, (headers["License"], *_classifiers(headers))))
    return Part("pypi", name, headers["Version"], licence, said.splitlines()[0][:100] if said else "nothing")


def of_system(fields: Mapping[str, str]) -> Part:
    """A package of Debian's, by its fields."""
    name = fields["Package"]
    return Part("deb", name, fields["Version"], SYSTEM.get(name, ""), f"/usr/share/doc/{name}/copyright")


def _of_old(headers: Message) -> str:
    """The licence of a package that was made before there was a field for an expression."""
    classifiers = [each for each in _classifiers(headers) if each.lower() in ALIASES]
    known = [_named(headers["License"] or ""), " AND ".join(ALIASES[each.lower()] for each in classifiers)]
    return next(filter(None, known), "")


def _named(text: str) -> str:
    if (word := text.strip()).lower() in ALIASES:
        return ALIASES[word.lower()]
    try:
        return word if spdx.combinable(word) else ""
    except ValueError:
        return ""


def _classifiers(headers: Message) -> list[str]:
    found = (each.split(" :: ") for each in headers.get_all("Classifier") or ())
    return [words[-1] for words in found if words[0] == "License" and len(words) > 1]


def faults(parts: Iterable[Part]) -> list[str]:
    """A sentence for each part that may not be handed on with the others, or of which that is not known."""
    return [text for part in parts if (text := _fault(part))]


def _fault(part: Part) -> str:
    if not part.licence:
        table = "READ" if part.kind == "pypi" else "SYSTEM"
        return (
            f"{part.name} {part.version} names no licence that is known here (it says: {part.said}): read what it is "
            f"under, and write its SPDX expression into {table} of lab/voice_lab/images/licences.py"
        )
    allowed = SYSTEM_ALLOWED if part.kind == "deb" else spdx.ALLOWED
    try:
        if spdx.combinable(part.licence, allowed):
            return ""
    except ValueError as error:
        return f"{part.name} {part.version}: {error}: write the right one into READ of lab/voice_lab/images/licences.py"
    return (
        f"{part.name} {part.version} is under {part.licence}, which is not among the licences that may be combined "
        "with Apache-2.0: do without it, or have a lawyer look and add the licence to ALLOWED in "
        "lab/voice_lab/images/spdx.py"
    )


def installed(extras: Iterable[str] = EXTRAS) -> list[Part]:
    """The packages that we hand on, as they are installed here: those of each extra in `uv.lock` and what they need.

    Raises:
        LabError: one of our own requirements is not installed.
    """
    lock = tomllib.loads((places.CHECKOUT / "uv.lock").read_text())
    parts = []
    for name in sorted(reachable(lock, "voice-quality-reporting", extras)):
        try:
            parts.append(of_package(metadata.distribution(name).read_text("METADATA") or ""))
        except metadata.PackageNotFoundError:
            continue  # for other systems than this
    if not parts:
        raise LabError("no package of ours is installed in .venv: run `make environment`")
    return parts


def reachable(lock: Mapping[str, object], root: str, extras: Iterable[str]) -> set[str]:
    """The names of all packages in the text of `uv.lock` that `extras` of the project `root` lead to."""
    packages = {each["name"]: each for each in lock["package"]}  # type: ignore[attr-defined]
    found: set[str] = set()
    waiting = [each for extra in extras for each in packages[root]["optional-dependencies"][extra]]
    while waiting:
        need = waiting.pop()
        package = packages[need["name"]]
        optional = package.get("optional-dependencies", {})
        more = [each for extra in need.get("extra", ()) for each in optional.get(extra, ())]
        if need["name"] not in found:
            found.add(need["name"])
            more += package.get("dependencies", ())
        waiting += [each for each in more if each["name"] not in found or each.get("extra")]
    return found


def table(parts: Iterable[Part]) -> str:
    """One line a part, for a person."""
    rows = sorted((part.kind, part.name, part.version, part.licence or "?") for part in parts)
    widths = [max((len(row[column]) for row in rows), default=0) + 2 for column in range(3)]
    return "".join("".join(map(str.ljust, row[:3], widths)) + f"{row[3]}\n" for row in rows)
