"""The production deployment names only what exists: roles, settings, secrets, and a NATS configuration."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from fairpool.cli import application
from fairpool.settings import Settings

ROOT = Path(__file__).parent.parent
ROLES = {"api", "project", "feed", "settle", "clock", "publish", "pay"}


@pytest.fixture(name="services")
def read_services() -> dict[str, dict[str, Any]]:
    """The services of the compose file, with its anchors merged."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(compose_text())["services"]
    return services


def compose_text() -> str:
    """The compose file."""
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_each_role_has_its_container_and_its_command(services: dict[str, dict[str, Any]]) -> None:
    """One container a role, run by a command that the program has."""
    commands = {name: service["command"] for name, service in services.items() if service.get("image") == "fairpool"}
    assert commands == {role: [role] for role in ROLES | {"migrate"}}
    assert set(commands) <= set(typer.main.get_group(application()).commands)


def test_a_role_starts_once_the_database_is_migrated_and_nats_is_up(services: dict[str, dict[str, Any]]) -> None:
    """Nobody meets an old schema or a server that is not there."""
    for role in ROLES:
        assert services[role]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "nats": {"condition": "service_healthy"},
        }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert all("healthcheck" in services[name] for name in ("postgres", "nats", "api"))


def test_postgres_keeps_its_data_where_release_18_puts_it(services: dict[str, dict[str, Any]]) -> None:
    """From 18 on the volume is the folder above the data of each release; the older mount would lose them."""
    assert services["postgres"]["image"] == "postgres:18"
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_each_setting_is_one_that_the_program_reads(services: dict[str, dict[str, Any]]) -> None:
    """A misspelt name would be ignored in silence, and a default taken."""
    known = {f"FAIRPOOL_{name}".upper() for name in Settings.model_fields} | {"DATABASE_URL", "NATS_URL"}
    for role in ROLES:
        assert set(services[role]["environment"]) <= known


def test_what_is_sold_comes_from_a_file_that_need_not_be_there(services: dict[str, dict[str, Any]]) -> None:
    """The roles that handle money read it; its example names settings that the program reads."""
    handling = [name for name, service in services.items() if "env_file" in service]
    assert handling == ["api", "pay"]
    for name in handling:
        assert services[name]["env_file"] == [{"path": "deploy/payments.env", "required": False}]
    example = (ROOT / "deploy" / "payments.env.example").read_text(encoding="utf-8")
    offered = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert offered <= {f"FAIRPOOL_{name}".upper() for name in Settings.model_fields}


def test_secrets_come_from_the_env_file_alone() -> None:
    """Each variable stands in the example without a value, and the deployment refuses to start without one."""
    example = (ROOT / "deploy" / "production.env.example").read_text(encoding="utf-8")
    offered = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    used = re.findall(r"\$\{(\w+)(:[?-])", compose_text())
    assert {name for name, _ in used} == set(offered)
    assert {name for name, how in used if how == ":?"} == {name for name, value in offered.items() if not value}


def test_nats_accepts_its_configuration() -> None:
    """The server itself reads the file, with the password from its environment; without one it refuses."""
    server = str(Path(sysconfig.get_path("scripts"), "nats-server"))
    check = [server, "--config", str(ROOT / "deploy" / "nats.conf"), "-t"]
    assert subprocess.run(check, env={"NATS_PASSWORD": "secret"}, capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, env={}, capture_output=True, check=False).returncode != 0


def test_nats_flushes_what_it_acknowledges() -> None:
    """The feed's stream survives a power cut."""
    assert "sync_interval: always" in (ROOT / "deploy" / "nats.conf").read_text(encoding="utf-8")
