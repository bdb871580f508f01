"""Which Debian packages the carried files are of: what scanners and the bill of materials read, and their licences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .carrying import Tree

DATABASE = Path("/var/lib/dpkg")
# One file a package, where no package manager is left; scanners of images know the place.
RECORDS = "/var/lib/dpkg/status.d"
COMMON = re.compile(r"/usr/share/common-licenses/\w(?:[\w.-]*\w)?")
FIELDS = ("Package", "Status", "Maintainer", "Architecture", "Source", "Version", "Homepage", "Description")


def record(tree: Tree, also: Iterable[str] = ()) -> None:
    """Note in `tree` the packages whose files were carried, and those in `also`; carry what they say of copyright."""
    owners = _owners()
    names = {owners[path] for path in tree.carried if path in owners}
    stanzas = parse((DATABASE / "status").read_text())
    for name in sorted(names | set(also)):
        tree.write(f"{RECORDS}/{name}", stanza(stanzas[name]))
        copyright_file = Path("/usr/share/doc", name, "copyright")
        if copyright_file.exists():
            tree.carry(copyright_file)
            for text in texts(copyright_file.read_text()):
                tree.carry(text)


def texts(copyright_file: str) -> list[Path]:
    """The licences' texts that a copyright file names, and does not have: most licences want theirs to come along."""
    return [path for path in sorted({Path(each) for each in COMMON.findall(copyright_file)}) if path.exists()]


def parse(status: str) -> dict[str, dict[str, str]]:
    """The packages of dpkg's status file: their fields, by name; of fields with several lines the first line."""
    found = {}
    for block in re.split(r"\n\n+", status.strip()):
        fields = dict(line.split(":", 1) for line in block.splitlines() if line[:1].strip() and ":" in line)
        found[fields["Package"].strip()] = {key: value.strip() for key, value in fields.items()}
    return found


def stanza(fields: dict[str, str]) -> str:
    """What is noted of a package."""
    return "".join(f"{key}: {fields[key]}\n" for key in FIELDS if key in fields)


def _owners() -> dict[Path, str]:
    """The package of each file, by its real path."""
    return owners((each.name, each.read_text()) for each in sorted((DATABASE / "info").glob("*.list")))


def owners(lists: Iterable[tuple[str, str]]) -> dict[Path, str]:
    """The package of each file in dpkg's lists, given as their file names (`libc6:amd64.list`) and texts."""
    found = {}
    for name, text in lists:
        package = name.removesuffix(".list").partition(":")[0]
        for line in text.splitlines():
            # Packages may name files by ways that are links now: /lib is /usr/lib.
            found[Path(line).parent.resolve() / Path(line).name] = package
    return found
