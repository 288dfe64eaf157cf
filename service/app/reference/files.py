"""The files that lie beside these modules."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def template(name: str) -> Template:
    """A file with places to fill in."""
    return Template(text(name))


def text(name: str) -> str:
    """A file as it is."""
    return files("service.app.reference").joinpath(name).read_text(encoding="utf-8")
