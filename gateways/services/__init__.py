"""What people do with gateways: register, describe, and decide who owns a disputed one."""

from gateways.services.disputes import close_dispute, refuse_disputed
from gateways.services.registration import describe, register

__all__ = ["close_dispute", "describe", "refuse_disputed", "register"]
