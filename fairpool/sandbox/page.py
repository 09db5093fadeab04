"""The pages that a payer, a winner or a checked person is sent to: one button each."""

from __future__ import annotations

from html import escape
from string import Template

from fairpool.sandbox import connect, identity, paying
from fairpool.sandbox.errors import NotPossible
from fairpool.sandbox.objects import Object
from fairpool.sandbox.sandbox import Sandbox

PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>body{font:1rem/1.5 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}
button{font:inherit;padding:.5rem 2rem}
</style>
<h1>$title</h1>
<p>$text</p>
$below
<p><small>This is a sandbox: nothing here is worth anything.</small></p>
""")
BUTTON = Template("""<form method="post"><button>$button</button></form>""")


def shown(sandbox: Sandbox, kind: str, ref: str) -> tuple[int, str]:
    """Return status and HTML of a page: `pay`, `onboarding` or `identity`, of a session, account link or check."""
    with sandbox.acting() as store:
        if kind == "pay":
            session = store.find(ref)
            if session is None or session["object"] != "checkout.session" or session["status"] != "open":
                return 410, html("Gone", "This checkout is closed.")
            text = ", ".join(f"{item['quantity']} × {item['description']}" for item in store.line_items[ref])
            text += f": {price(session['amount_total'], session['currency'])}"
            return 200, html("Checkout", text, button="Pay", back=session["cancel_url"])
        if kind == "onboarding" and ref in store.account_links:
            return 200, html("Payout account", "Tell who you are and where payments go.", button="Tell")
        if kind == "identity" and ref in store.return_urls:
            return 200, html("Identity check", "Show a document.", button="Show")
    return 404, html("Not found", "There is no such page.")


def pressed(sandbox: Sandbox, kind: str, ref: str) -> str:
    """Do what a page's button does, and return the URL that comes next; raises NotPossible, StripeFault."""
    with sandbox.acting() as store:
        if kind == "pay":
            return success_url(paying.pay(store, ref))
        if kind == "identity":
            identity.verify(store, ref)
            return store.return_urls[ref]
        link = store.account_links.pop(ref, None)
        if kind != "onboarding" or link is None:
            raise NotPossible("There is no such page")
        if link["expires_at"] <= store.now:
            return str(link["refresh_url"])
        connect.complete_onboarding(store, link["account"])
        return str(link["return_url"])


def receipt(sandbox: Sandbox, ref: str) -> tuple[int, str]:
    """Return status and HTML of a charge's receipt."""
    charge = sandbox.find(ref)
    if charge is None or charge["object"] != "charge":
        return 404, html("Not found", "There is no such receipt.")
    return 200, html("Receipt", f"{price(charge['amount'], charge['currency'])}, {charge['status']}")


def html(title: str, text: str, *, button: str = "", back: str | None = None) -> str:
    """Return a page, with a button and a way back if there are any."""
    below = BUTTON.substitute(button=escape(button)) if button else ""
    if back:
        below += f'<p><a href="{escape(back)}">Go back</a></p>'
    return PAGE.substitute(title=escape(title), text=escape(text), below=below)


def price(amount: int, currency: str) -> str:
    """Return an amount of cents as people write it."""
    return f"{amount // 100}.{amount % 100:02} {currency.upper()}"


def success_url(session: Object) -> str:
    """Return where the payer of a session goes next."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
