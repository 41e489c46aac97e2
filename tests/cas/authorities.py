"""Authorities for tests, as an upload would have left them."""

from typing import Any

from accounts.models import User, Vendor
from cas.models import Authority, Waiver
from cas.services import intake
from pki.intake import UploadedFile
from tests.pki.makers import Made, make_issuing, make_root


def hand_in(actor: User, vendor: Vendor, *certificates: Made) -> list[Authority]:
    file = UploadedFile("ca.pem", b"".join(each.pem for each in certificates))
    return list(intake.hand_in(actor, vendor, [file]).authorities)


def waiting_authority(actor: User, vendor: Vendor, **changes: Any) -> Authority:
    """A root that `actor` handed in for `vendor`."""
    return hand_in(actor, vendor, make_root(f"{vendor.name} Root", **changes))[0]


def waived(authority: Authority) -> Authority:
    """Nothing is asked of it any more, for tests of what comes after."""
    for what in Waiver.What:
        Waiver.objects.create(authority=authority, what=what, reason="not what this test is about")
    return authority


def waiting_chain(actor: User, vendor: Vendor) -> tuple[Authority, Authority]:
    """A root and its issuing authority."""
    root = make_root(f"{vendor.name} Root")
    above, below = hand_in(actor, vendor, root, make_issuing(root, f"{vendor.name} Gateway CA"))
    return above, below
