"""`fairpool openapi`: the API's document, for those who generate a client from it."""

from __future__ import annotations

import json

import typer

from api.app import openapi_document


def openapi() -> None:
    """Print the OpenAPI document of the API, as a development service has it; needs no database."""
    typer.echo(json.dumps(openapi_document(), indent=2, ensure_ascii=False))
