"""Claims on EUIs that somebody else has."""

import pytest

from accounts.models import User
from core.errors import Refused
from gateways.models import Dispute
from gateways.services import register


def claim(person: User, eui: str) -> Dispute:
    """Try to register what another vendor has; return the dispute that this opens."""
    assert person.vendor is not None
    with pytest.raises(Refused, match="somebody else"):
        register(person, person.vendor, eui)
    return Dispute.objects.open().get(gateway__eui=eui, claimant=person.vendor)
