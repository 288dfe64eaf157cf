"""Canonical paths of pages."""

from __future__ import annotations

import pytest
from pollwire_server.web.canonical_paths import canonical_location


@pytest.mark.parametrize("path", ["/", "/polls/x", "/console", "/polls/x/qr.svg"])
def test_canonical_path_is_unchanged(path: str) -> None:
    assert canonical_location(path.encode(), b"") is None


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/polls/x/", "/polls/x"),
        ("//polls///x//", "/polls/x"),
        ("/polls%2Fx", "/polls/x"),
        ("/console/", "/console"),
        ("//", "/"),
        ("//evil.example/console/", "/evil.example/console"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/prefix"])
def test_other_path_is_redirected_also_below_a_prefix(path: str, canonical: str, prefix: str) -> None:
    location = canonical_location(path.encode(), b"a=1")
    assert location is not None
    assert resolved(prefix + path, location) == f"{prefix}{canonical}?a=1"


def resolved(base: str, reference: str) -> str:
    """Resolve the reference (RFC 3986, 5.2). ``urljoin`` cannot: it drops empty segments of the base."""
    folders = base.split("/")[:-1]
    steps_up = reference.count("../")
    return "/".join([*folders[: len(folders) - steps_up], reference.replace("../", "").removeprefix("./")])
