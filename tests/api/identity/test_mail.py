"""Mail, shown on a console or handed to a server."""

from __future__ import annotations

import io
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import cast

import pytest

from api.identity.mail import (
    ConsoleMailer,
    Letter,
    SmtpMailer,
    SmtpUrlError,
    known_letter,
    reset_letter,
    verification_letter,
)


class PostOffice(socketserver.TCPServer):
    """A server that takes mail (RFC 5321) and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.taken: list[bytes] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}?from=pool@fairpool.invalid&tls=none"


class _Counter(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"DATA":
                    self._say("354 go on")
                    cast(PostOffice, self.server).taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self._say("250 taken")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """A mail server that is open."""
    with PostOffice() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_console_shows_all_of_a_mail() -> None:
    """A developer copies the code from there."""
    stream = io.StringIO()
    ConsoleMailer(stream).send(**reset_letter(to="ann@example.org", code="the-code")._asdict())
    assert "ann@example.org" in stream.getvalue()
    assert "\nthe-code\n" in stream.getvalue()


def test_a_mail_server_is_handed_the_mail(post_office: PostOffice) -> None:
    """From the sender that the settings name."""
    SmtpMailer.of(post_office.url).send(to="ann@mail.fairpool.net", subject="Hallo ⚽", text="The code:\n\nabc\n")
    [taken] = post_office.taken
    message = message_from_bytes(taken, policy=policy.default)
    assert (message["From"], message["To"]) == ("pool@fairpool.invalid", "ann@mail.fairpool.net")
    assert message["Subject"] == "Hallo ⚽"
    assert "abc" in message.get_content()


@pytest.mark.parametrize("to", ["player1@example.com", "a@b.test", "a@localhost", "a@B.EXAMPLE.org"])
def test_nobody_is_mailed_who_cannot_exist(post_office: PostOffice, to: str) -> None:
    """The demo's players have addresses that are reserved for examples."""
    SmtpMailer.of(post_office.url).send(to=to, subject="Hello", text="Hello")
    assert post_office.taken == []


def test_an_address_that_only_ends_alike_is_mailed(post_office: PostOffice) -> None:
    """Reserved are whole names."""
    SmtpMailer.of(post_office.url).send(to="ann@latest", subject="Hello", text="Hello")
    assert len(post_office.taken) == 1


def test_a_mail_server_that_is_away_is_an_error() -> None:
    """Whoever sends hears of it."""
    with PostOffice() as server:
        url = server.url
    with pytest.raises(OSError):
        SmtpMailer.of(url).send(to="ann@mail.fairpool.net", subject="Hello", text="Hello")


def test_the_settings_name_server_credentials_and_sender() -> None:
    """Credentials are percent-encoded; ports and encryption follow from the scheme."""
    mailer = SmtpMailer.of("smtps://me%40host:p%2Fw@mail.fairpool.net?from=pool@fairpool.net")
    assert (mailer.host, mailer.port, mailer.tls) == ("mail.fairpool.net", 465, "always")
    assert (mailer.user, mailer.password, mailer.sender) == ("me@host", "p/w", "pool@fairpool.net")
    plain = SmtpMailer.of("smtp://mail.fairpool.net?from=pool@fairpool.net")
    assert (plain.port, plain.tls, plain.user) == (587, "start", "")
    assert "p/w" not in repr(mailer)


@pytest.mark.parametrize(
    "url", ["", "mail.fairpool.net", "http://h?from=a@b", "smtp://h", "smtp://?from=a@b", "smtp://h?from=a"]
)
def test_a_url_that_does_not_fit_is_refused(url: str) -> None:
    """At the start of the service, not at the first mail."""
    with pytest.raises(SmtpUrlError):
        SmtpMailer.of(url)


@pytest.mark.parametrize(
    "letter",
    [
        reset_letter(to="ann@example.org", code="c0de"),
        verification_letter(to="ann@example.org", code="c0de"),
        known_letter(to="ann@example.org"),
    ],
)
def test_a_letter_goes_to_its_reader_alone(letter: Letter) -> None:
    """Codes stand on a line of their own, and never in the subject, which phones show on locked screens."""
    assert letter.to == "ann@example.org"
    assert "c0de" not in letter.subject
    assert "c0de" not in letter.text or "c0de" in letter.text.splitlines()
