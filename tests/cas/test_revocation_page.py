"""What the page of an authority says of its list and of OCSP, and whether every signature is on record."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority, OcspSigner
from cas.services.balance import balance_of
from cas.services.ocsp import answer
from cas.services.ocsp_signers import renew_signer
from cas.services.revocation_lists import renew_list
from core import clock
from keys.models import Key
from tests.cas.authorities import waiting_authority
from tests.cas.test_ocsp import issuing as issuing
from tests.cas.test_ocsp import request_of, revoke
from tests.cas.test_revocation_lists import signed

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]


def page_of(authority: Authority, client: Client) -> str:
    return client.get(f"/authorities/{authority.pk}/").content.decode()


def test_it_shows_the_list_and_where_to_get_it(issuing: Authority, vendor_user: User, client_of: ClientOf) -> None:
    revoke(signed(issuing))
    made = renew_list(issuing.pk)
    assert made is not None
    page = page_of(issuing, client_of(vendor_user))
    for words in (
        str(made.number),
        "1 certificate<",
        f"/crl/{issuing.sha256}.crl",
        "/ocsp/",
        "Signed by a certificate",
    ):
        assert words in page
    for url in (f"http://127.0.0.1:8000/crl/{issuing.sha256}.crl", "http://127.0.0.1:8000/ocsp/"):
        assert f'data-copy="{url}"' in page


def test_a_list_that_is_over_is_said_to_be(issuing: Authority, operator: User, client_of: ClientOf) -> None:
    renew_list(issuing.pk)
    client = client_of(operator)
    with clock.at(clock.now() + timedelta(days=8)):
        assert ">Over<" in page_of(issuing, client).replace("\n", "")


def test_before_the_first_list_it_says_so(issuing: Authority, operator: User, client_of: ClientOf) -> None:
    OcspSigner.objects.all().delete()
    page = page_of(issuing, client_of(operator))
    assert "The first is being made" in page
    assert "No signer yet" in page


def test_an_authority_of_others_has_none(vendor: Vendor, vendor_user: User, client_of: ClientOf) -> None:
    authority = waiting_authority(vendor_user, vendor)
    assert "/crl/" not in page_of(authority, client_of(vendor_user))


def test_all_that_the_keys_signed_is_on_record(issuing: Authority, operator: User, client_of: ClientOf) -> None:
    """Certificates (its OCSP signer), lists and answers are as many as the vault counted uses."""
    row = signed(issuing)
    renew_list(issuing.pk)
    for _ in range(2):
        answer(request_of(issuing, row, nonce=b"n"))
    row.delete()  # made without the key
    found = balance_of(Authority.objects.get(pk=issuing.pk))
    assert (found.certificates, found.lists, found.responses, found.unexplained) == (1, 1, 2, 0)
    assert "every signature is accounted for" in page_of(issuing, client_of(operator))


@pytest.mark.parametrize(("by", "words"), [(3, "counts 3 uses more"), (-1, "uses of the key are missing there")])
def test_a_difference_is_told(by: int, words: str, issuing: Authority, operator: User, client_of: ClientOf) -> None:
    renew_signer(issuing.pk)
    assert issuing.key is not None
    Key.objects.filter(pk=issuing.key.pk).update(signatures=1 + by)
    assert words in page_of(issuing, client_of(operator))
