"""What people do with gateways: register, claim, describe, and decide who owns a disputed one."""

from gateways.services.blocks import add_block, remove_block
from gateways.services.claims import claim, decide_claims, withdraw_claim
from gateways.services.disputes import close_dispute, refuse_unfit
from gateways.services.registration import describe, register, register_or_claim

__all__ = [
    "add_block",
    "claim",
    "close_dispute",
    "decide_claims",
    "describe",
    "refuse_unfit",
    "register",
    "register_or_claim",
    "remove_block",
    "withdraw_claim",
]
