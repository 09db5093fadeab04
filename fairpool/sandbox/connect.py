"""Connected accounts: those to whom money is transferred, once they have told what Stripe must know of them."""

from __future__ import annotations

import stripe
from stripe import params as shapes

from fairpool.sandbox.errors import NotPossible, invalid
from fairpool.sandbox.lists import Match, within
from fairpool.sandbox.objects import Object, documented, list_of
from fairpool.sandbox.routes import Route, listing, retrieving
from fairpool.sandbox.store import Store

LINK_LIFETIME = 300
ONBOARDING = ("external_account", "individual.dob", "individual.id_number", "tos_acceptance.date")
CREATE_ACTS_ON = frozenset(
    {"type", "country", "email", "controller", "capabilities", "metadata", "business_type", "default_currency"}
)
LINK_ACTS_ON = frozenset({"account", "type", "return_url", "refresh_url", "collection_options"})


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    created: dict[str, Match] = {"created": lambda item, span: within(item["created"], span)}
    return (
        Route("POST", "/v1/accounts", shapes.AccountCreateParams, create, CREATE_ACTS_ON),
        retrieving("/v1/accounts", shapes.AccountRetrieveParams, "account"),
        listing("/v1/accounts", shapes.AccountListParams, "account", created),
        Route("POST", "/v1/account_links", shapes.AccountLinkCreateParams, create_link, LINK_ACTS_ON),
    )


def create(store: Store, _: str, params: Object) -> Object:
    """Make an account that has told nothing yet."""
    if "type" in params and "controller" in params:
        raise invalid("You may not provide the `type` parameter and the `controller` parameter.", param="type")
    asked = params.get("capabilities", {})
    if params.get("type") == "express" and not asked:
        raise invalid("You must request at least one capability.", param="capabilities")
    ref = store.new_id("acct")
    account = documented(
        stripe.Account,
        id=ref,
        business_type=params.get("business_type"),
        capabilities={name: "inactive" for name, wish in asked.items() if wish.get("requested")},
        charges_enabled=False,
        controller=_controller(params),
        country=params.get("country", "US"),
        created=store.now,
        default_currency=params.get("default_currency", "usd"),
        details_submitted=False,
        email=params.get("email"),
        external_accounts=list_of([], url=f"/v1/accounts/{ref}/external_accounts"),
        metadata=params.get("metadata", {}),
        payouts_enabled=False,
        requirements=_requirements(ONBOARDING),
        type=params.get("type", "none"),
    )
    return store.add(account)


def create_link(store: Store, _: str, params: Object) -> Object:
    """Make a page on which the account's holder tells what Stripe must know; it can be opened once, for 5 minutes."""
    store.get("account", params["account"], param="account")
    for name in ("return_url", "refresh_url"):
        if name not in params:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    if params["type"] != "account_onboarding":
        raise invalid("The sandbox knows account_onboarding only.", param="type")
    token = store.new_id("alink")
    made = documented(
        stripe.AccountLink,
        created=store.now,
        expires_at=store.now + LINK_LIFETIME,
        url=f"{store.base_url}/c/onboarding/{token}",
    )
    store.account_links[token] = params | made
    return made


def complete_onboarding(store: Store, ref: str) -> Object:
    """Have the holder tell everything: the capabilities become active, and payouts possible."""
    account = store.get("account", ref)
    if account["details_submitted"]:
        raise NotPossible(f"Account {ref} has been onboarded already")
    account |= {"details_submitted": True, "payouts_enabled": True, "requirements": _requirements(())}
    account["charges_enabled"] = "card_payments" in account["capabilities"]
    account["capabilities"] = dict.fromkeys(account["capabilities"], "active")
    store.emit("account.updated", account, account=ref)
    return account


def restrict(store: Store, ref: str) -> Object:
    """Have Stripe ask for more: until it is told, nothing can be transferred to the account."""
    account = store.get("account", ref)
    account |= {"details_submitted": False, "payouts_enabled": False}
    account["requirements"] = _requirements(("individual.verification.document",))
    account["capabilities"] = dict.fromkeys(account["capabilities"], "inactive")
    store.emit("account.updated", account, account=ref)
    return account


def _requirements(due: tuple[str, ...]) -> Object:
    reason = "requirements.past_due" if due else None
    return documented(stripe.Account.Requirements, currently_due=list(due), disabled_reason=reason)


def _controller(params: Object) -> Object:
    given = params.get("controller", {})
    is_express = params.get("type") == "express"
    return {
        "type": "application",
        "is_controller": True,
        "fees": {"payer": given.get("fees", {}).get("payer", "application_express" if is_express else "account")},
        "losses": {"payments": given.get("losses", {}).get("payments", "application" if is_express else "stripe")},
        "requirement_collection": given.get("requirement_collection", "stripe"),
        "stripe_dashboard": {
            "type": given.get("stripe_dashboard", {}).get("type", "express" if is_express else "full"),
        },
    }
