"""Settings, read once from the environment (`FAIRPOOL_…`) and passed on as values."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may choose. Without DATABASE_URL and NATS_URL the servers are embedded, under `data`."""

    model_config = SettingsConfigDict(env_prefix="FAIRPOOL_", extra="ignore", frozen=True, populate_by_name=True)

    data: Path = Path(".fairpool")
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("FAIRPOOL_DATABASE_URL", "DATABASE_URL")
    )
    nats_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("FAIRPOOL_NATS_URL", "NATS_URL"))
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    opens_weeks: bool = True
    primary_sources: dict[str, str] = Field(default_factory=dict)
    seed_master: SecretStr | None = None
    token_key: SecretStr | None = None
    token_minutes: int = 15
    argon2_memory_kib: int = 19_456
    argon2_passes: int = 2
