"""Settings, read once from the environment (`FAIRPOOL_…`) and passed on as values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.http.limits import Limit
from api.http.origins import exact_origin
from api.people.gates import JURISDICTION


def _limit(text: str) -> str:
    Limit.parse(text)
    return text


LimitText = Annotated[str, AfterValidator(_limit)]
Seconds = Annotated[int, Field(ge=1)]
MoneyKind = Literal["weekly_pass", "buy_back", "subscription", "prizes"]


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
    api_concurrency: int = Field(default=2_000, ge=1)
    startup_patience_seconds: int = Field(default=60, ge=0)
    clock_tolerance_seconds: int = Field(default=10, ge=0)
    opens_weeks: bool = True
    primary_sources: dict[str, str] = Field(default_factory=dict)
    confirming_sources: dict[str, str] = Field(default_factory=dict)
    feed_silence_seconds: Seconds | dict[str, Seconds] | None = None
    feed_vanished_hours: int = Field(default=6, ge=1)
    seed_master: SecretStr | None = None
    beacon: Literal["off", "drand"] = "off"
    beacon_relays: Annotated[frozenset[str], NoDecode, Field(min_length=2)] = frozenset(
        {"https://api.drand.sh", "https://api2.drand.sh", "https://api3.drand.sh", "https://drand.cloudflare.com"}
    )
    beacon_rounds: Path | None = None
    token_key: SecretStr | None = None
    token_keys_retired: str = ""
    token_minutes: int = 15
    people_key: SecretStr | None = None
    log_key: SecretStr | None = None
    origin: str = Field(default="fairpool.local", pattern=r"^[!-*,-~]+$")
    checkpoints: Path | None = None
    smtp_url: SecretStr | None = None
    confirm_signup: bool = False
    argon2_memory_kib: int = 19_456
    argon2_passes: int = 2
    limit_auth: LimitText = "120/minute"
    limit_log_in: LimitText = "10/minute"
    limit_bets: LimitText = "200/10 seconds"
    limit_reads: LimitText = "600/10 seconds"
    limit_writes: LimitText = "100/10 seconds"
    live_streams: int = Field(default=2_000, ge=0)
    live_streams_of_one: int = Field(default=5, ge=1)
    cors_origins: tuple[Annotated[str, AfterValidator(exact_origin)], ...] = ()
    minimum_age: int | None = Field(default=None, ge=1, le=120)
    jurisdictions: Annotated[frozenset[Annotated[str, Field(pattern=JURISDICTION)]], NoDecode] = frozenset()
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    payments_on: Annotated[frozenset[MoneyKind], NoDecode] = frozenset()
    stripe_key: SecretStr | None = None
    stripe_webhook_secrets: SecretStr = SecretStr("")
    stripe_url: str | None = None
    payment_return_url: str = "http://127.0.0.1:8000/"
    price_weekly_pass_cents: int = Field(default=500, ge=50)
    price_buy_back_cents: int = Field(default=500, ge=50)
    price_subscription_cents: int = Field(default=400, ge=50)
    free_entry: bool | None = None
    prize_identity_required: bool = True
    dispute_approval_above: int = Field(default=1_000, ge=0)
    prize_tax_threshold_cents: int | None = Field(default=200_000, ge=1)
    hsts_seconds: int = Field(default=0, ge=0)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()

    @property
    def checkpoints_folder(self) -> Path:
        """Where signed checkpoints are written outside the database: best on another machine's disk."""
        return self.checkpoints or self.data / "checkpoints"

    @model_validator(mode="after")
    def _confirmed_by_another_source(self) -> Self:
        alone = [league for league, by in self.confirming_sources.items() if self.primary_sources.get(league) == by]
        if alone:
            raise ValueError(f"a source cannot confirm itself: name another one for {', '.join(sorted(alone))}")
        return self

    @field_validator("beacon_relays", "jurisdictions", "payments_on", mode="before")
    @classmethod
    def _comma_separated(cls, given: Any) -> Any:
        return [code.strip() for code in given.split(",") if code.strip()] if isinstance(given, str) else given
