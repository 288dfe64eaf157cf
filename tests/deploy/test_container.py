"""The container image: the rules that the Dockerfile follows, and a running service built by its steps."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.dockerfile import DOCKERFILE, ROOT, Build, Stage, instructions, is_sent

SHUTDOWN_S = 30.0
READY = "Pollwire is ready at"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Build the image in a clean folder and return its last stage."""
    return Build(tmp_path_factory.mktemp("image")).image()


@contextmanager
def running(image: Stage, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the image's command with the image's environment. Kill it only if a test fails."""
    process = subprocess.Popen(
        image.command("ENTRYPOINT") + image.command("CMD"),
        cwd=image.place("."),
        env=image.environment | {"POLLWIRE_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SHUTDOWN_S)
        if process.stdout:
            process.stdout.close()


def is_healthy(image: Stage, port: int) -> bool:
    """Return True if the image's own health check succeeds."""
    environment = image.environment | {"POLLWIRE_PORT": str(port)}
    checked = subprocess.run(
        image.command("HEALTHCHECK"), env=environment, check=False, timeout=30, capture_output=True
    )
    return checked.returncode == 0


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_image_serves_passes_health_check_and_stops_with_0(image: Stage) -> None:
    port = a_free_port()
    assert not is_healthy(image, port)
    with running(image, port) as process:
        assert process.stdout
        assert any(READY in line for line in process.stdout)
        assert is_healthy(image, port)
        process.send_signal(signal.Signals[image.instructions["STOPSIGNAL"]])
        assert process.wait(SHUTDOWN_S) == 0
    assert not is_healthy(image, port)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_image_contains_installed_service_and_no_sources(image: Stage) -> None:
    [package] = (image.root / "opt/pollwire").glob("lib/python3*/site-packages/pollwire_server")
    sent = image.root.parent / "context/service/pollwire_server"
    sources = {path.relative_to(sent) for path in sent.rglob("*.*")}
    assert sources
    assert sources <= {path.relative_to(package) for path in package.rglob("*.*")}
    assert (image.root / "opt/pollwire/bin/pollwire").exists()
    assert not (image.root / "src").exists()


def test_image_runs_as_numeric_non_root_user() -> None:
    """A cluster can verify a numeric user."""
    user = [rest for name, rest in instructions(DOCKERFILE.read_text()) if name == "USER"][-1]
    assert int(user) > 0


def test_dependencies_are_installed_by_hash_before_service_is_copied() -> None:
    """Layers that change rarely come first."""
    steps = list(instructions(DOCKERFILE.read_text()))
    installs = [rest for name, rest in steps if name == "RUN" and "pip install" in rest]
    assert all("--require-hashes" in step or "--no-deps --no-build-isolation" in step for step in installs)
    assert steps.index(("RUN", installs[0])) < steps.index(("COPY", "service ./service"))


def test_base_images_are_debian() -> None:
    """musl builds of the store have crashed on loading functions."""
    bases = [rest.split()[0] for name, rest in instructions(DOCKERFILE.read_text()) if name == "FROM"]
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+-slim-(bookworm|trixie)", base) for base in bases)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("requirements.txt", True),
        ("service/pollwire_server/domain/poll.py", True),
        ("service/pollwire_server/domain/__pycache__/poll.cpython-313.pyc", False),
        (".env", False),
        (".git/config", False),
        (".pollwire/secret", False),
        ("tests/conftest.py", False),
        (".venv/bin/python", False),
    ],
)
def test_build_context_contains_only_required_files(name: str, sent: bool) -> None:
    """It must not contain secrets, data or history."""
    assert is_sent(name) is sent


def test_every_copied_file_is_in_build_context() -> None:
    copies = [rest.split() for name, rest in instructions(DOCKERFILE.read_text()) if name == "COPY"]
    sources = [source for copy in copies if not copy[0].startswith("--from") for source in copy[:-1]]
    assert sources
    assert [source for source in sources if not is_sent(source)] == []
    assert [source for source in sources if not Path(ROOT, source).exists()] == []
