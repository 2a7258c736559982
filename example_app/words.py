"""What things are called for people: clients, devices, places, and what ended a session."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple, Protocol

from flask_gosession import AuthError


class Client(NamedTuple):
    """A client class: its name in a list, the same in a sentence, and its icon."""

    name: str
    phrase: str
    icon: str


CLIENTS = {
    "web": Client("Browser", "a browser", "laptop"),
    "ios": Client("iPhone or iPad", "an iPhone or iPad", "phone"),
    "android": Client("Android device", "an Android device", "phone"),
    "desktop": Client("Desktop app", "a desktop app", "laptop"),
    "api": Client("API client", "an API client", "program"),
}
"""The clients that there are; a word of anybody's choice could be new at each login."""


class Reason(NamedTuple):
    """Why a session ended, in a few words, and how that looks: an icon and a tone."""

    text: str
    icon: str
    tone: str


REASONS = {
    "logged_out": Reason("Signed out", "door", "calm"),
    "evicted": Reason("Replaced by a newer sign-in", "swap", "notable"),
    "kicked": Reason("Ended by an administrator", "shield", "serious"),
    "revoked_all": Reason("Signed out from another device", "door", "notable"),
    "password_changed": Reason("Password changed", "key", "notable"),
    "reuse_detected": Reason("Old token used again", "warning", "serious"),
    "banned": Reason("Account blocked", "block", "serious"),
    "expired": Reason("Reached its end", "clock", "calm"),
    "idle": Reason("Not used for too long", "clock", "calm"),
}


class Action(NamedTuple):
    """What happened, in a few words, and its icon."""

    text: str
    icon: str


ACTIONS = {
    "logged_in": Action("Signed in", "key"),
    "confirmed": Action("Entered the password again", "key"),
    "logged_out": Action("Session ended", "door"),
    "evicted": Action("Session ended", "swap"),
    "revoked": Action("Session ended", "door"),
    "expired": Action("Session ended", "clock"),
    "reuse_detected": Action("Session ended", "warning"),
    "refresh_forked": Action("Tokens replaced", "info"),
    "refresh_refused": Action("Old token refused", "warning"),
    "binding_changed": Action("Network or browser changed", "warning"),
    "subject_banned": Action("Banned", "block"),
    "ban_lifted": Action("Ban lifted", "check"),
    "not_before_set": Action("Earlier sign-ins refused", "shield"),
}
"""The entries of the audit trail that people come across."""


class Named(Protocol):
    """What a device is recognised by."""

    @property
    def client(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def agent(self) -> str: ...


def client_of(name: str) -> Client:
    """Return what a client class is called; one that is not ours goes by its own name."""
    return CLIENTS.get(name) or Client(name, name, "program")


def device_name(session: Named) -> str:
    """Return a session's device, as its owner knows it."""
    return session.label or session.agent or "Unknown device"


def device_icon(session: Named) -> str:
    """Return the icon for a session's device: a browser may run on a phone, too."""
    on_phone = session.client == "web" and "Mobi" in session.agent
    return "phone" if on_phone else client_of(session.client).icon


def reason_of(name: str) -> Reason:
    """Return what a reason is called, and how it looks; one that is not ours goes by its own name."""
    return REASONS.get(name) or Reason(plain(name), "info", "calm")


def action_of(name: str) -> Action:
    """Return what an entry of the audit trail is called; one that is not ours goes by its own name."""
    return ACTIONS.get(name) or Action(plain(name), "info")


def plain(name: str) -> str:
    """Return a name such as ``logged_in`` as words."""
    return name.replace("_", " ").capitalize()


def ending_of(error: AuthError) -> dict[str, Any]:
    """Return what a banner says of a session that has ended, as the app's script gets it, too."""
    data = error.data
    reason = data.get("reason") or error.error.removeprefix("session_")
    return {"reason": reason, "message": error.message, "at": data.get("at"), "client": data.get("client")}


def place(ip: str, here: str) -> str:
    """Return where an address is, seen from the address *here*; no lookup tells a city, and none is needed."""
    try:
        there, viewer = ip_address(ip), ip_address(here)
    except ValueError:
        return ip or "Unknown"
    if there == viewer:
        return "Same address as you"
    if viewer in _network_of(there):
        return "Same network as you"
    if there.is_loopback:
        return "The server itself"
    return "A private network" if there.is_private else "Elsewhere on the internet"


def _network_of(address: IPv4Address | IPv6Address) -> Any:
    """Return what is one household or office, as a rule."""
    return ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False)
