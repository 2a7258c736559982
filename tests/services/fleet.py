"""The services of the documentation as processes: an issuer, and those that take its tokens."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import servers
from drawn import drawn

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "services"
NODE = shutil.which("node")
WITHOUT_NODE = "node is not installed; the verifier for Node is not tested"
ISSUER, AUDIENCE, SERVICE_SECRET = "https://issuer.example", "shop", "of-the-services-under-test"
PATIENCE = 60.0


class Site:
    """A process that answers on a port of its own, and that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = servers.free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE)
        self._stack = ExitStack()

    def run(self, command: list[str], settings: dict[str, str]) -> None:
        """Start the process, and return when it answers."""
        self._stack.enter_context(_process(command, self.port, self.folder, settings))

    def flask(self, module: str, settings: dict[str, str]) -> None:
        self.run([sys.executable, "-m", "flask", "--app", module, "run", "--port", str(self.port)], settings)

    def stop(self) -> None:
        self._stack.close()

    def close(self) -> None:
        self.stop()
        self.http.close()

    def me(self, token: str | None) -> tuple[int, dict[str, Any]]:
        """Ask a service who somebody is."""
        answer = self.http.get("/me", headers={"Authorization": f"Bearer {token}"} if token else {})
        return answer.status_code, answer.json()


class Issuer(Site):
    """Signs people in; keeps its sessions when it is started again with other keys."""

    def start(self, *keys: dict[str, str]) -> None:
        settings = {
            "FLASK_SECRET_KEY": drawn("issuer"),
            "FLASK_GOSESSION_KEYS": json.dumps(keys),
            "FLASK_GOSESSION_STORE": f"sqlite:///{self.folder}/{self.port}.db",
            "FLASK_GOSESSION_ISSUER": ISSUER,
            "FLASK_GOSESSION_AUDIENCE": AUDIENCE,
            "SERVICE_SECRET": SERVICE_SECRET,
        }
        self.flask("issuer", settings)

    def login(self, name: str = "ada") -> dict[str, Any]:
        answer = self.http.post("/auth/login", json={"username": name, "password": name[::-1]})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, token: str) -> httpx.Response:
        return self.http.post(f"/auth/{path}", headers={"Authorization": f"Bearer {token}"})


class Fleet(NamedTuple):
    """An issuer and the services that take its tokens."""

    issuer: Issuer
    by_keys: dict[str, Site]
    by_asking: Site


@contextmanager
def running_fleet(folder: Path, *keys: dict[str, str]) -> Iterator[Fleet]:
    """Run an issuer with these keys, and new services of each kind, until the block ends."""
    with ExitStack() as stack:
        issuer = Issuer(folder)
        stack.callback(issuer.close)
        issuer.start(*keys)
        names = ["by_keys.py", "by_asking.py", *(["by_keys.mjs"] if NODE else [])]
        services = {name: start_service(name, issuer.port, folder) for name in names}
        for service in services.values():
            stack.callback(service.close)
        by_asking = services.pop("by_asking.py")
        yield Fleet(issuer, services, by_asking)


def start_service(name: str, issuer_port: int, folder: Path) -> Site:
    """Start the service of the file *name*, which knows where the issuer is."""
    service, url = Site(folder), f"http://127.0.0.1:{issuer_port}/auth"
    settings = {
        "JWKS_URL": f"{url}/jwks.json",
        "INTROSPECT_URL": f"{url}/introspect",
        "ISSUER": ISSUER,
        "AUDIENCE": AUDIENCE,
        "SERVICE_SECRET": SERVICE_SECRET,
    }
    if name.endswith(".mjs"):
        service.run([NODE or "node", name, str(service.port)], settings)
    else:
        service.flask(name.removesuffix(".py"), settings)
    return service


@contextmanager
def _process(command: list[str], port: int, folder: Path, settings: dict[str, str]) -> Iterator[None]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    log = folder / f"{port}.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            command, cwd=EXAMPLES, env={**rest, **settings}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        servers.wait_until(lambda: _listens(process, port, log), f"an answer of {command[-1]}", PATIENCE)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the process ended at once:\n{log.read_text()}")
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
