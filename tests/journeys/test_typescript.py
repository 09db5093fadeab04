"""The TypeScript client: generated from the API, sound, and used by an app, a dashboard and a console."""

from __future__ import annotations

import json
import re
from pathlib import Path

from api.app import openapi_document
from tests.journeys.node import CLIENT, node, tool
from tests.journeys.program import Service, fairpool

PASSWORD = "a long enough password"


def test_the_schema_is_that_of_the_api(tmp_path: Path) -> None:
    """The committed types are those that the API's document gives."""
    document, schema = tmp_path / "openapi.json", tmp_path / "schema.ts"
    document.write_text(json.dumps(openapi_document()), encoding="utf-8")
    options = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))["scripts"]["generate"].split()[1:]
    node(tool("openapi-typescript", "cli.js"), document, *options[:-1], schema)
    assert schema.read_text(encoding="utf-8") == (CLIENT / "src" / "schema.ts").read_text(encoding="utf-8"), (
        "docs/typescript/src/schema.ts is out of date: run make client"
    )


def test_the_client_and_its_examples_are_sound() -> None:
    """The strict compiler has nothing to say about client and examples."""
    assert node(tool("typescript", "tsc"), "--noEmit") == ""


def test_the_client_builds(tmp_path: Path) -> None:
    """What an app imports is plain JavaScript with types."""
    node(tool("typescript", "tsc"), "--project", "tsconfig.build.json", "--outDir", tmp_path)
    assert {"client.js", "client.d.ts", "live.js", "live.d.ts"} <= {path.name for path in tmp_path.iterdir()}
    assert 'from "./client.js"' in (tmp_path / "live.js").read_text(encoding="utf-8")


def test_the_lock_names_no_registry() -> None:
    """Packages are pinned by hash, wherever they come from."""
    lock = json.loads((CLIENT / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in packages)


def test_the_examples_do_what_they_say(service: Service, tmp_path: Path) -> None:
    """A player plays Thursday's game live, an operator ends the week, and an auditor finds all of it in order."""
    played = node("examples/player.ts", service.url).splitlines()
    assert played == [
        "Ann plays 2024-W45 in pool W2024-45-A with 1000 credits",
        "CIN at BAL, away (-6.0): -110, decimal 1.91",
        "CIN at BAL, home (-6.0): -110, decimal 1.91",
        "staked 110 to win 210; 890 credits remain",
        "refused: Not enough credits",
        "statement: stake -110, then 890",
        "statement: grant 1000, then 1000",
        "live: balance",
        "live: the bet is won, it pays 210",
        played[-1],
    ]
    assert re.fullmatch(r"rank \d+ of 25 with 1100 credits", played[-1])
    operator = "op@example.org"
    create = ("user", "create", "--role", "operator", "--email", operator)
    made = fairpool(*create, data=tmp_path / "data", FAIRPOOL_PASSWORD=PASSWORD)
    assert made.returncode == 0, made.stderr.decode()
    operated = node("examples/operator.ts", service.url, operator, PASSWORD).splitlines()
    key = operated[1].rpartition(" ")[2]
    assert operated == [
        "week.opened at 2024-W46:1",
        f"key with the scope audit: {key}",
        "settle now: week_not_resolved",
        operated[-1],
    ]
    assert re.fullmatch(r"2024-W45 is final, standings [0-9a-f]{64}", operated[-1])
    assert node("examples/auditor.ts", service.url, key).splitlines() == [
        "2024-W46 is grouped; its rules have the hash that players accepted",
        "2024-W45 is final; its rules have the hash that players accepted",
        "W2024-45-A: 0 of 25 balances differ from their statements",
    ]
