"""The server: keys and paths, faults on purpose, control over HTTP, the pages."""

from __future__ import annotations

import pytest
import stripe

from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, KEY, Play, line

pytestmark = HTTPX_GRUMBLES


def test_a_wrong_key_is_not_let_in(play: Play) -> None:
    """It is a 401, which Stripe's client knows."""
    other = stripe.StripeClient(
        "sk_test_other",
        base_addresses={"api": play.url},
        http_client=(http := stripe.HTTPXClient(timeout=10, allow_sync_methods=True)),
    )
    with pytest.raises(stripe.AuthenticationError):
        other.v1.balance.retrieve()
    http.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/v1/nothing", {}, 404), ("/v1/balance", {"Stripe-Version": "2020-08-27"}, 400), ("/v1/balance", {}, 200)],
)
def test_paths_and_versions_are_known_or_not(play: Play, path: str, headers: dict[str, str], status: int) -> None:
    """What is unknown is an error of Stripe's form."""
    answer = play.http.get(play.url + path, headers={"Authorization": f"Bearer {KEY}", **headers})
    assert (answer.status_code, "error" in answer.json()) == (status, status != 200)


@pytest.mark.parametrize("harm", ["error_after", "drop_after"])
def test_an_answer_may_be_lost_after_success(play: Play, harm: str) -> None:
    """The refund is made; asking again with the same key gives its answer, and makes no second."""
    intent = play.paid()
    play.sandbox.faults.add("error_after" if harm == "error_after" else "drop_after", "/v1/refunds")
    with pytest.raises(stripe.APIError if harm == "error_after" else stripe.APIConnectionError):
        play.v1.refunds.create({"payment_intent": intent, "amount": 1}, {"idempotency_key": f"lost {harm}"})
    again = play.v1.refunds.create({"payment_intent": intent, "amount": 1}, {"idempotency_key": f"lost {harm}"})
    assert [refund.id for refund in play.v1.refunds.list({"payment_intent": intent}).data] == [again.id]


@pytest.mark.parametrize("harm", ["error_before", "drop_before"])
def test_a_request_may_be_lost_before_it_is_executed(play: Play, harm: str) -> None:
    """Nothing is made, as often as was asked for; then all is well."""
    play.sandbox.faults.add(
        "error_before" if harm == "error_before" else "drop_before", "/v1/checkout/*", method="POST", times=2
    )
    before = len(play.sandbox.objects("checkout.session"))
    for _ in range(2):
        with pytest.raises(stripe.APIError if harm == "error_before" else stripe.APIConnectionError):
            play.session()
    assert len(play.sandbox.objects("checkout.session")) == before
    assert play.session().status == "open"


def test_an_error_may_be_what_a_key_stands_for(play: Play) -> None:
    """As Stripe documents of its own errors, the 500 is replayed although the request succeeded."""
    intent = play.paid()
    play.sandbox.faults.add("error_kept", "/v1/refunds")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            play.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": "kept"})
    assert len(play.v1.refunds.list({"payment_intent": intent}).data) == 1


def test_requests_are_recorded(play: Play) -> None:
    """With their parameters, typed, their idempotency key and how they were answered."""
    intent = play.paid()
    play.v1.refunds.create({"payment_intent": intent, "amount": 7}, {"idempotency_key": "told"})
    asked = play.sandbox.requests("POST", "/v1/refunds")[-1]
    assert asked.params == {"payment_intent": intent, "amount": 7}
    assert (asked.idempotency_key, asked.status) == ("told", 200)


def test_the_sandbox_is_controlled_over_http(play: Play) -> None:
    """Acts are POSTs by the names of the methods, with their arguments as JSON."""
    ref = play.session().id
    play.post("/sandbox/mode", mode="held").raise_for_status()
    assert play.post("/sandbox/begin_slow_payment", session=ref).json()["payment_status"] == "unpaid"
    assert play.post("/sandbox/end_slow_payment", session=ref, succeeds=True).json()["payment_status"] == "paid"
    assert play.endpoint.bodies == []
    (event, *_) = play.http.get(f"{play.url}/sandbox/queued").json()
    assert play.post("/sandbox/deliver", event_id=event).json() == 200
    assert play.endpoint.events[0]["id"] == event
    assert play.post("/sandbox/fault", harm="error_before", path="/v1/balance", times=1).json() is None
    with pytest.raises(stripe.APIError):
        play.v1.balance.retrieve()
    assert play.post("/sandbox/set_balance", amount=12, currency="eur").json()["object"] == "balance"
    assert play.http.get(f"{play.url}/sandbox/requests").json()[-1]["path"] == "/v1/balance"
    assert ref in [session["id"] for session in play.http.get(f"{play.url}/sandbox/checkout.session").json()]


@pytest.mark.parametrize(
    ("path", "arguments", "status"),
    [
        ("/sandbox/pay", {"session": "cs_test_none"}, 404),
        ("/sandbox/pay", {"invoice": "in_1"}, 400),
        ("/sandbox/rob", {}, 400),
        ("/sandbox/mode", {"mode": "sometimes"}, 400),
        ("/sandbox/fault", {"harm": "fire", "path": "*"}, 400),
    ],
)
def test_acts_that_cannot_be_are_refused(play: Play, path: str, arguments: dict[str, str], status: int) -> None:
    """An unknown object, wrong arguments, an unknown act."""
    assert play.post(path, **arguments).status_code == status


def test_a_session_is_paid_on_its_page(play: Play) -> None:
    """The page says what is paid, the button pays and leads back; then the page is gone."""
    named = line(product_data={"name": "Pass <b>"})
    session = play.session(line_items=[named], cancel_url="https://game.test/back")
    assert session.url is not None
    text = play.http.get(session.url).text
    assert "Pass &lt;b&gt;: 5.00 USD" in text
    assert "https://game.test/back" in text
    pressed = play.http.post(session.url)
    assert (pressed.status_code, pressed.headers["location"]) == (
        *(303, f"https://game.test/done?session={session.id}"),
    )
    assert play.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert (play.http.get(session.url).status_code, play.http.post(session.url).status_code) == (410, 409)


def test_a_receipt_can_be_read(play: Play) -> None:
    """The charge's receipt says what was paid."""
    charge = play.v1.charges.list({"payment_intent": play.paid()}).data[0]
    assert charge.receipt_url is not None
    assert "5.00 USD, succeeded" in play.http.get(charge.receipt_url).text


def test_an_account_is_onboarded_on_its_page(play: Play) -> None:
    """A link serves once, within five minutes; one too old leads to where a new one is made."""
    account = play.v1.accounts.create({"type": "express", "capabilities": {"transfers": {"requested": True}}})

    def link() -> str:
        made = play.v1.account_links.create(
            {
                "account": account.id,
                "type": "account_onboarding",
                "return_url": "https://game.test/told",
                "refresh_url": "https://game.test/again",
            }
        )
        return made.url

    old = link()
    play.clock.forward(minutes=5)
    assert play.http.post(old).headers["location"] == "https://game.test/again"
    fresh = link()
    assert play.http.get(fresh).status_code == 200
    assert play.http.post(fresh).headers["location"] == "https://game.test/told"
    assert play.v1.accounts.retrieve(account.id).payouts_enabled
    assert play.http.post(fresh).status_code == 409


def test_a_person_is_checked_on_the_page(play: Play) -> None:
    """The button shows a document that is good."""
    check = play.v1.identity.verification_sessions.create({"type": "document", "return_url": "https://game.test/id"})
    assert check.url is not None
    assert play.http.get(check.url).status_code == 200
    assert play.http.post(check.url).headers["location"] == "https://game.test/id"
    assert play.v1.identity.verification_sessions.retrieve(check.id).status == "verified"
