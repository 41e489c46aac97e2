"""Revoking many: what is shown is what happens, by whom it may, and once."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, Signing
from certificates.models import Certificate
from certificates.services import many, set_policy
from certificates.services.batches import Entry, Wish, create_batch, work_left
from certificates.services.bulk_revocation import preview, revoke_many
from certificates.tasks import work_on_chunk
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from outbox.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
EUIS = [f"58A0CBFFFE80{number:04X}" for number in range(5)]


@pytest.fixture
def certified(operator: User, vendor: Vendor, issuing: Authority) -> Callable[[str], None]:
    """Gives each gateway one more certificate with every call."""
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    for eui in EUIS:
        Gateway.objects.create(eui=eui, vendor=vendor, registered_by=operator)

    def once_more(key: str, euis: list[str] = EUIS) -> None:
        wish = Wish("a test", 365, "P-256")
        batch = create_batch(operator, vendor, [Entry(eui) for eui in euis], wish, idempotency_key=key)
        for _ in range(2):
            for pk in work_left(batch):
                work_on_chunk(pk)

    once_more("first")
    return once_more


def test_the_preview_counts_what_is_in_force_and_who_goes_off_the_air(
    vendor: Vendor, issuing: Authority, certified: Callable[..., None]
) -> None:
    certified("second", EUIS[:2])
    first = Certificate.objects.filter(request__chunk__batch__idempotency_key=f"{vendor.pk}:first")
    seen = preview(first)
    assert (seen.count, seen.off_the_air) == (5, 3)
    assert [(share.name, share.count) for share in seen.by_authority] == [(issuing.name, 5)]
    assert preview(Certificate.objects.all()).off_the_air == 5


def test_certificates_their_signings_and_their_keys_end_together(
    operator: User, vendor: Vendor, certified: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "CHUNK", 2)
    assert revoke_many(Certificate.objects.all(), actor=operator, reason="keyCompromise", typed="5") == 5
    for certificate in Certificate.objects.select_related("request__signing", "gateway", "key"):
        assert certificate.request is not None
        assert certificate.request.signing is not None
        assert certificate.request.signing.revocation_reason == "keyCompromise"
        assert (certificate.revoked_by, certificate.gateway.current_not_after) == (operator, None)
        assert not certificate.has_sealed_key
    assert Record.objects.filter(action="certificate.revoked").count() == 5


def test_a_gateway_with_another_certificate_goes_by_that(
    operator: User, vendor: Vendor, certified: Callable[..., None]
) -> None:
    certified("second", EUIS[:1])
    newest = Certificate.objects.order_by("-pk")[0]
    older = Certificate.objects.exclude(pk=newest.pk)
    revoke_many(older, actor=operator, reason="superseded", typed="5")
    assert Gateway.objects.get(eui=EUIS[0]).current_not_after == newest.not_after
    assert Gateway.objects.get(eui=EUIS[1]).current_not_after is None


@pytest.mark.parametrize("typed", ["", "4", "five", "51"])
def test_another_number_than_the_one_that_was_shown_revokes_nothing(
    operator: User, certified: Callable[..., None], typed: str
) -> None:
    with pytest.raises(Refused, match="Type 5"):
        revoke_many(Certificate.objects.all(), actor=operator, reason="superseded", typed=typed)
    assert not Signing.objects.filter(revoked_at__isnull=False).exists()


def test_a_second_time_finds_nothing_left(operator: User, certified: Callable[..., None]) -> None:
    revoke_many(Certificate.objects.all(), actor=operator, reason="superseded", typed="5")
    with pytest.raises(Refused, match="Nothing fits this filter"):
        revoke_many(Certificate.objects.all(), actor=operator, reason="superseded", typed="5")


def test_nobody_revokes_for_another_vendor(other_vendor_user: User, certified: Callable[..., None]) -> None:
    with pytest.raises(Forbidden):
        revoke_many(Certificate.objects.all(), actor=other_vendor_user, reason="superseded", typed="5")
    client = Client()
    client.force_login(other_vendor_user)
    assert "Nothing in force fits" in client.get(reverse("certificates:revoke_many")).text


def test_each_vendor_gets_one_mail_about_all_of_its_own(
    operator: User, vendor_user: User, certified: Callable[..., None]
) -> None:
    revoke_many(Certificate.objects.all(), actor=operator, reason="superseded", typed="5")
    mail = Message.objects.get(key__startswith="certificates_revoked", recipient=vendor_user.email)
    assert "5 certificates" in mail.subject
    assert EUIS[4] in mail.text


def test_the_page_does_what_its_filter_says(vendor_user: User, certified: Callable[..., None]) -> None:
    client = Client()
    client.force_login(vendor_user)
    url = reverse("certificates:revoke_many") + f"?q={EUIS[2]}"
    assert "Revoke 1 certificate" in client.get(url).text
    client.post(url, {"reason": "cessationOfOperation", "typed": "1"})
    revoked = Certificate.objects.filter(revoked_at__isnull=False)
    assert list(revoked.values_list("gateway__eui", flat=True)) == [EUIS[2]]
