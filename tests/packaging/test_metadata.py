"""Metadata of the distributions: versions, licences, README files and the error for the old import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pollwire
import pollwire_server
import pytest

from deploy import sbom

ROOT = Path(__file__).parents[2]
JAVASCRIPT = ROOT / "clients" / "javascript"
PACKAGES = [ROOT / "service", ROOT / "clients" / "python", JAVASCRIPT]


def run_python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in ``folder`` with the environment of the clone."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=False, capture_output=True, text=True, timeout=30
    )


def test_server_and_clients_have_one_version() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert pollwire.__version__ == pollwire_server.__version__
    assert json.loads((JAVASCRIPT / "package.json").read_text())["version"] == pollwire_server.__version__
    assert f"pollwire[cli]=={pollwire_server.__version__}" in dependencies


@pytest.mark.parametrize("name", ["python", "javascript"])
def test_client_has_the_licence_of_the_project(name: str) -> None:
    assert (ROOT / "clients" / name / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_readme_of_package_has_no_relative_link(package: Path) -> None:
    """A package index renders the README without the files beside it."""
    assert re.findall(r"\]\((?!https?:)[^)]*\)", (package / "README.md").read_text()) == []


@pytest.mark.parametrize("from_root", [True, False], ids=["in-clone", "elsewhere"])
def test_old_import_of_client_names_new_package(tmp_path: Path, from_root: bool) -> None:
    failed = run_python(ROOT if from_root else tmp_path, "from service.client import Client")
    assert failed.returncode == 1
    assert failed.stderr.endswith(
        "ImportError: service.client was renamed: use `from pollwire import Client`\n"
    )


def test_module_named_service_of_a_script_is_imported(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text("client = 'mine'\n")
    assert run_python(tmp_path, "from service import client; print(client)").stdout == "mine\n"


def test_bill_of_materials_matches_the_lock_file() -> None:
    """The wheel and the image contain it. `make sbom` writes it again."""
    assert {path: path.read_text() for path in sbom.files()} == sbom.files()
    document = json.loads(sbom.SBOM.read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    locked = re.findall(r"^([a-z0-9-]+)==", sbom.LOCK.read_text(), re.MULTILINE)
    assert [component["name"] for component in document["components"]] == [*locked, "@scalar/api-reference"]
    for component in document["components"]:
        assert component["externalReferences"][0]["hashes"], component["name"]
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert [ROOT / name for name in wheel["sbom-files"]] == [sbom.SBOM]
