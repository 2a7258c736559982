"""Whether a session is used from where it was made, judged by the network of the address and by the user agent."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from flask_gosession.config import Config
from flask_gosession.engine.manager import SessionManager
from flask_gosession.engine.results import Checked
from flask_gosession.errors import BindingMismatch
from flask_gosession.session.device import Device
from flask_gosession.session.policy import Binding

_PREFIX = {4: 24, 6: 64}
"""Bits of the network that count: a phone changes its address all the time, but its network seldom."""


def has_moved(checked: Checked, device: Device, manager: SessionManager, config: Config) -> bool:
    """Report a session that has moved, and raise BindingMismatch if that is refused."""
    changed = [bound for bound in config.binding if moved(checked, device, bound)]
    for bound in changed:
        manager.report_moved(checked, device, bound)
    if changed and config.binding_action == "refuse":
        raise BindingMismatch
    return bool(changed)


def moved(checked: Checked, device: Device, bound: Binding) -> bool:
    """Whether what the session is bound to differs now."""
    session = checked.session
    if bound == "agent":
        return session.agent != device.agent
    return _network(session.ip) != _network(device.ip)


def _network(ip: str) -> str:
    try:
        address = ip_address(ip)
        # A socket for both families shows IPv4 addresses in their IPv6 form.
        address = getattr(address, "ipv4_mapped", None) or address
        return str(ip_network((address, _PREFIX[address.version]), strict=False))
    except ValueError:
        return ip
