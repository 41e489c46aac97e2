"""What is watched beside certificates of gateways and authorities: tokens, lists, signers, probes, and silence."""

import secrets
from datetime import datetime, timedelta

import pytest

from accounts.models import ApiToken, User, Vendor
from alerts.models import Alert, Job
from alerts.services.mailing import send_digests, send_immediate
from alerts.services.notices import look, send_due
from audit.models import Heartbeat
from cas.models import Authority, OcspSigner, RevocationList
from core import clock
from keys.models import Key
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, crossed, gateway
from trust.models import Cluster, Probe, Store

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def key() -> Key:
    return Key.objects.create(
        purpose="ocsp", key_type="P-256", public_key=b"", spki_sha256="", kek_id="", wrapped_key=b"sealed"
    )


def revocation_list(of: Authority, number: int, *, left: timedelta, life: timedelta = 7 * DAY) -> RevocationList:
    return RevocationList.objects.create(
        authority=of, key=key(), number=number, this_update=NOW + left - life, next_update=NOW + left, entries=0,
        head=b"", tail=b"", size=0, tbs_digest="", signature_algorithm="", signature=b"signed",
    )  # fmt: skip


def signer(of: Authority, *, left: timedelta, life: timedelta = 14 * DAY) -> OcspSigner:
    return OcspSigner.objects.create(
        authority=of, key=key(), name=secrets.token_hex(8), der=b"", not_before=NOW + left - life, not_after=NOW + left
    )


def token(owner: User, *, left: timedelta, **more: object) -> ApiToken:
    values = {"owner": owner, "name": "Fleet", "token_hash": secrets.token_hex(32), "ending": "abcd"}
    return ApiToken.objects.create(**values, created_at=NOW + left - YEAR, expires_at=NOW + left, **more)


def closed() -> dict[str, str]:
    return dict(Alert.objects.filter(state="closed").values_list("kind", "closed_for"))


def test_a_list_that_was_not_made_anew_is_a_failure(operator: User) -> None:
    of = authority(left=9 * YEAR)
    revocation_list(of, 1, left=DAY)
    newest = revocation_list(of, 2, left=3 * DAY)
    assert crossed() == []
    assert crossed(NOW + 1.5 * DAY) == [(of.name, "25%")]
    assert Alert.objects.get().subject_id == newest.pk
    revocation_list(of, 3, left=9 * DAY)
    assert crossed(NOW + 2 * DAY) == []
    assert closed() == {"list": "renewed"}


def test_lists_of_an_ended_authority_are_nobodys_business() -> None:
    revocation_list(authority(left=-DAY, origin="uploaded"), 1, left=-HOUR)
    assert all(name != "25%" for _, name in crossed())
    assert not Alert.objects.filter(kind="list").exists()


def test_a_signer_that_was_not_followed_is_a_failure() -> None:
    of = authority(left=9 * YEAR)
    signer(of, left=DAY)
    assert crossed() == [(of.name, "25%")]
    signer(of, left=14 * DAY)
    assert crossed(NOW + HOUR) == []
    assert closed() == {"signer": "renewed"}


def test_after_a_standstill_it_has_until_the_next_look(operator: User) -> None:
    """Fails without `was_away` in alerts/services/notices.look: whatever stood still is late when it starts."""
    signer(authority(left=9 * YEAR), left=-DAY)
    with clock.at(NOW):
        assert look({}) == 0
    assert len(crossed(NOW + HOUR)) == 1


def test_a_failure_is_mailed_at_once(operator: User) -> None:
    with clock.at(NOW):
        send_due()
    signer(authority(left=9 * YEAR), left=3 * DAY)
    assert len(crossed(NOW + HOUR)) == 1
    with clock.at(NOW + HOUR):
        assert (send_digests(), send_immediate()) == (0, 1)
    assert "OCSP signer" in Message.objects.get().subject


def test_a_token_is_told_to_its_vendor(operator: User, vendor_user: User, vendor: Vendor) -> None:
    token(vendor_user, left=10 * DAY)
    token(operator, left=5 * DAY)
    with clock.at(NOW):
        assert send_due().mails == 2
    assert dict(Alert.objects.values_list("vendor", "threshold")) == {vendor.pk: "14d", None: "7d"}
    assert "The API token Fleet ends in 10 days" in Message.objects.get(recipient=vendor_user.email).text


def test_a_token_that_was_revoked_is_settled(operator: User) -> None:
    made = token(operator, left=10 * DAY)
    assert crossed() == [("Fleet", "14d")]
    made.revoked_at = NOW
    made.save()
    assert crossed(NOW + HOUR) == []
    assert closed() == {"token": "revoked"}


def test_a_token_that_ended_long_ago_asks_for_nothing(operator: User) -> None:
    token(operator, left=-DAY)
    assert crossed() == [("Fleet", "expired")]
    assert crossed(NOW + 31 * DAY) == []
    assert closed() == {"token": "ended"}


def test_a_probes_certificate_is_watched_for_itself(operator: User, vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    shown = certificate(of, by, left=10 * DAY)
    certificate(of, by, left=300 * DAY)
    store = Store.objects.create(name="main", kind="directory", directory="/srv")
    Probe.objects.create(
        cluster=Cluster.objects.create(name="eu1", store=store), certificate=shown, address="eu1.example:443"
    )
    assert crossed() == [("eu1", "14d")]


def looked(at: datetime, **periods: float) -> list[str]:
    """A look; returns the jobs that are silent after it."""
    with clock.at(at):
        look({name.replace("_", " "): seconds for name, seconds in periods.items()})
        Heartbeat.objects.update_or_create(job="send due notices", defaults={"succeeded_at": at})
    return list(Alert.objects.live().filter(kind="job").values_list("name", flat=True))


def test_a_job_that_does_not_succeed_in_time_is_told(operator: User) -> None:
    looked(NOW, renew=HOUR.total_seconds())
    assert looked(NOW + 2 * HOUR, renew=3600) == []
    assert looked(NOW + 3 * HOUR, renew=3600) == ["renew"]


def test_a_job_that_runs_again_is_settled_and_its_next_silence_told_again(operator: User) -> None:
    """Fails without the round of an alert."""
    looked(NOW, renew=3600)
    for hours in (1, 2, 3):
        looked(NOW + hours * HOUR, renew=3600)
    Heartbeat.objects.create(job="renew", succeeded_at=NOW + 3.5 * HOUR)
    assert looked(NOW + 4 * HOUR, renew=3600) == []
    assert closed() == {"job": "recovered"}
    for hours in (5, 6, 7):
        assert looked(NOW + hours * HOUR, renew=3600) == (["renew"] if hours == 7 else [])
    assert Alert.objects.get().round == 1


def test_after_the_look_was_away_nobody_is_late_yet(operator: User) -> None:
    """Fails without LONG_AWAY in alerts/services/jobs.py: the whole schedule stood still, and comes back now."""
    looked(NOW, renew=3600, sweep=20)
    assert looked(NOW + 2 * DAY, renew=3600, sweep=20) == []
    assert looked(NOW + 2 * DAY + HOUR, renew=3600, sweep=20) == ["sweep"]


def test_a_job_that_left_the_schedule_is_forgotten(operator: User) -> None:
    looked(NOW, renew=3600)
    looked(NOW + HOUR, sweep=3600)
    assert list(Job.objects.values_list("name", flat=True)) == ["sweep"]
