"""Authorities that were found in a store."""

import pytest

from accounts.models import User, Vendor
from cas.models import Authority
from cas.services import adopt
from core.errors import Refused
from tests.cas.authorities import waiting_authority
from tests.pki.makers import at, make_issuing, make_root

pytestmark = pytest.mark.django_db


def test_what_is_found_is_approved_and_linked_with_its_findings(operator: User) -> None:
    root = make_root()
    issuing = make_issuing(root)
    below, above = adopt.found_in_store(operator, [issuing.der, root.der])
    below.refresh_from_db()
    assert below.parent == above
    assert (below.origin, below.state, below.vendor) == (Authority.Origin.FOUND, Authority.State.APPROVED, None)
    assert "key" in {finding["code"] for finding in below.findings}


def test_what_is_bad_is_adopted_with_its_refusal_shown(operator: User) -> None:
    [old] = adopt.found_in_store(operator, [make_root("Old", not_before=at(2010), not_after=at(2020)).der])
    assert "expired" in {finding["code"] for finding in old.findings}


def test_a_known_authority_stays_its_vendors(operator: User, vendor: Vendor) -> None:
    known = waiting_authority(operator, vendor)
    [found] = adopt.found_in_store(operator, [bytes(known.der)])
    assert (found, found.vendor, found.origin) == (known, vendor, Authority.Origin.UPLOADED)
    assert found.state == Authority.State.APPROVED


def test_finding_twice_adds_nothing(operator: User) -> None:
    der = make_root().der
    assert adopt.found_in_store(operator, [der]) == adopt.found_in_store(operator, [der])
    assert Authority.objects.count() == 1


def test_what_cannot_be_read_is_refused_as_a_whole(operator: User) -> None:
    with pytest.raises(Refused, match="Replace the store"):
        adopt.found_in_store(operator, [make_root().der, b"\x30\x03\x02\x01\x01"])
    assert not Authority.objects.exists()
