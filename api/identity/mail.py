"""Mail: the port that the service sends through, and the letters that it sends."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, NamedTuple, Protocol, TextIO
from urllib.parse import parse_qs, unquote, urlsplit

from ledger.mendable import Mendable

_TIMEOUT_SECONDS: Final = 10
_PORTS: Final = {"smtp": 587, "smtps": 465}
# RFC 2606: names for examples and tests, behind which nobody reads mail; the demo's players live there.
_RESERVED: Final = ("example", "invalid", "localhost", "test", "example.com", "example.net", "example.org")


class SmtpUrlError(Mendable, ValueError):
    """FAIRPOOL_SMTP_URL is not smtp[s]://[user:password@]host[:port]?from=address."""


class Mailer(Protocol):
    """Sends mail. Called from a thread in which it may take its time; raises OSError where the mail did not go out."""

    def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a plain text to an address."""
        ...


class Letter(NamedTuple):
    """What is written to somebody."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class ConsoleMailer:
    """Shows mail to whoever watches the service, where none is to go out: for development."""

    stream: TextIO

    def send(self, *, to: str, subject: str, text: str) -> None:
        """Write the mail to the stream."""
        self.stream.write(f"mail to {to}: {subject}\n{text}\n")
        self.stream.flush()


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Sends mail through a server: `smtps` is encrypted from the start, `smtp` by STARTTLS unless `?tls=none`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    sender: str
    tls: str

    @classmethod
    def of(cls, url: str) -> SmtpMailer:
        """Read `smtp[s]://[user:password@]host[:port]?from=address[&tls=none]`; raises SmtpUrlError."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme not in _PORTS or not parts.hostname or "@" not in options.get("from", ""):
            raise SmtpUrlError(SmtpUrlError.__doc__)
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=options["from"],
            tls="always" if parts.scheme == "smtps" else options.get("tls", "start"),
        )

    def send(self, *, to: str, subject: str, text: str) -> None:
        """Hand the mail to the server; raises OSError, which smtplib's errors are, too."""
        domain = to.rpartition("@")[2].lower()
        if domain.endswith(tuple(f".{name}" for name in _RESERVED)) or domain in _RESERVED:
            return
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message.set_content(text)
        context = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_SECONDS, context=context)
            if self.tls == "always"
            else smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        ) as server:
            if self.tls == "start":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)


def reset_letter(*, to: str, code: str) -> Letter:
    """Return what somebody gets who forgot a password."""
    return Letter(
        to,
        "Your fairpool password",
        f"With this code you can choose a new password, once, within 30 minutes:\n\n{code}\n\n"
        "If you did not ask for it, nothing needs to be done: your password stays as it is.\n",
    )


def verification_letter(*, to: str, code: str) -> Letter:
    """Return what somebody gets whose address is to be verified."""
    return Letter(
        to,
        "Your e-mail address at fairpool",
        f"With this code you confirm that this address is yours, within three days:\n\n{code}\n\n"
        "If you did not sign up, please ignore this mail.\n",
    )


def known_letter(*, to: str) -> Letter:
    """Return what somebody gets who signs up again, in place of an answer that would tell who has an account."""
    return Letter(
        to,
        "Your fairpool account",
        "Somebody, perhaps you, signed up with this address, which has an account already.\n"
        "Log in with it; if you forgot the password, have it reset.\n",
    )
