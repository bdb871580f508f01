"""Nothing is handed on whose licence forbids it together with ours, or is not known."""

import pytest

from voice_lab.images import licences, spdx
from voice_lab.images.licences import Part


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND GPL-2.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("GPL-2.0-only OR (MIT AND BSD-3-Clause)", True),
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", False),
        ("MIT OR GPL-2.0-only AND AGPL-3.0-only", True),  # AND binds more than OR
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-2.0-only WITH Bison-exception-2.2", False),
        ("Apache-2.0+", True),
    ],
)
def test_an_expression_is_judged_as_spdx_means_it(expression: str, may: bool) -> None:
    assert spdx.combinable(expression) is may


@pytest.mark.parametrize("text", ["", "MIT AND", "(MIT", "MIT BSD-3-Clause", "AND MIT", "MIT/X11", "MIT)"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SPDX"):
        spdx.combinable(text)


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ("License-Expression: Apache-2.0 OR BSD-3-Clause", "Apache-2.0 OR BSD-3-Clause"),
        ("License: MIT", "MIT"),
        ("License: Apache 2.0", "Apache-2.0"),
        ("License: see the file\nClassifier: License :: OSI Approved :: BSD License", "BSD-3-Clause"),
        (
            "License: Dual License\nClassifier: License :: OSI Approved :: BSD License\n"
            "Classifier: License :: OSI Approved :: Apache Software License",
            "BSD-3-Clause AND Apache-2.0",
        ),
        ("License-Expression: AGPL-3.0-only\nClassifier: License :: OSI Approved :: MIT License", "AGPL-3.0-only"),
        ("License: Proprietary", ""),
        ("Summary: says nothing", ""),
    ],
)
def test_a_package_says_its_licence_in_one_of_three_ways(headers: str, licence: str) -> None:
    part = licences.of_package(f"Metadata-Version: 2.1\nName: Some_Package\nVersion: 1.2\n{headers}\n\nMIT\n")
    assert part == Part("pypi", "some-package", "1.2", licence, part.said)


def test_a_package_that_says_nothing_is_refused_with_the_mend() -> None:
    (fault,) = licences.faults([licences.of_package("Name: p\nVersion: 1\nLicense: Ask us\n")])
    assert fault == (
        "p 1 names no licence that is known here (it says: Ask us): read what it is under, and write its SPDX "
        "expression into READ of lab/voice_lab/images/licences.py"
    )


def test_a_package_that_binds_us_is_refused() -> None:
    (fault,) = licences.faults([Part("pypi", "p", "1", "GPL-3.0-only"), Part("pypi", "q", "1", "MIT")])
    assert fault.startswith("p 1 is under GPL-3.0-only, which is not among the licences")


def test_a_library_of_the_system_may_be_under_the_lgpl_and_a_package_may_not() -> None:
    glibc = licences.of_system({"Package": "libc6", "Version": "2.41-1"})
    assert licences.faults([glibc]) == []
    assert licences.faults([Part("pypi", "p", "1", glibc.licence)])


def test_a_system_package_that_nobody_looked_at_is_refused() -> None:
    (fault,) = licences.faults([licences.of_system({"Package": "libreadline8", "Version": "8"})])
    assert "/usr/share/doc/libreadline8/copyright" in fault
    assert "SYSTEM" in fault


def test_what_the_lock_leads_to_is_followed_through_extras() -> None:
    lock = {
        "package": [
            {"name": "ours", "optional-dependencies": {"a": [{"name": "x", "extra": ["fast"]}], "b": [{"name": "z"}]}},
            {"name": "x", "dependencies": [{"name": "y"}], "optional-dependencies": {"fast": [{"name": "w"}]}},
            {"name": "y", "dependencies": [{"name": "x"}]},
            {"name": "w"},
            {"name": "z"},
        ]
    }
    assert licences.reachable(lock, "ours", ["a"]) == {"w", "x", "y"}


def test_all_that_we_hand_on_may_be() -> None:
    assert licences.faults(licences.installed()) == []
