"""The demo's stand-ins, offered where a new integration is made: address and credentials of each at a click."""

from __future__ import annotations

import requests

from config.demo import stand_ins
from integrations.offers import Offer

STAND_INS = {"generic_rest": "desk"}  # where the stand-in is not called like the connector


def offer(connector: str) -> Offer | None:
    """None if the sandbox does not answer, or has no stand-in of that system."""
    try:
        told = stand_ins.connect(STAND_INS.get(connector, connector))
    except requests.RequestException:
        return None
    if not told:
        return None
    return Offer("This demo runs a stand-in of it.", told["base_url"], told["settings"], told["secrets"])
