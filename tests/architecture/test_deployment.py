"""The compose file and the images are what docs/deployment.md promises, read without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "worker", "gpu-worker")
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_nothing_but_the_api_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_only_the_api_reaches_the_outside() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name, service in SERVICES.items():
        assert service["networks"] == (["inside", "outside"] if name == "api" else ["inside"])


def test_no_password_has_a_default() -> None:
    used = re.findall(r"\$\{(\w*PASSWORD)(\S*?)[ }]", (ROOT / "docker-compose.yml").read_text())
    assert {name for name, _ in used} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert all(default.startswith(":?") for _, default in used)
    example = (ROOT / ".env.example").read_text()
    assert re.findall(r"^\w*PASSWORD=(.*)$", example, re.MULTILINE) == ["", ""]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["environment"]["PRUNERY_MODE"] == "production"


def test_the_queue_never_forgets() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_every_service_waits_for_what_it_needs() -> None:
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("api", "worker", "gpu-worker"):
        needed = SERVICES[name]["depends_on"]
        assert needed["migrate"]["condition"] == "service_completed_successfully"
        assert needed["redis"]["condition"] == "service_healthy"


def test_every_built_target_exists_and_runs_as_somebody_else() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"api", "cpu", "gpu"}
    for target in targets:
        stage = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
        assert stage is not None
        assert "\nUSER prunery\n" in stage[1]
        assert stage[1].index("USER prunery") < stage[1].index("CMD [")
        assert "\nHEALTHCHECK " in stage[1]


def test_images_hold_only_what_runs() -> None:
    rules = (ROOT / ".dockerignore").read_text().split()
    assert "*" in rules
    for copied in ("app", "prunery", "worker", "migrations", "examples", "requirements"):
        assert f"!{copied}/" in rules
