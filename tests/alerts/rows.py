"""Rows of things that end. What an announcement is about are columns, so these carry no certificate."""

import secrets
from datetime import UTC, datetime, timedelta
from itertools import count

from accounts.models import Vendor
from alerts.models import Notice
from alerts.services.jobs import LOOK
from alerts.services.notices import look
from audit.models import Heartbeat
from cas.models import Authority, Signing
from certificates.models import Certificate, ServerCertificate
from core import clock
from gateways.models import Gateway
from keys.models import Key
from trust.models import Group, Release

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = 365 * DAY
numbers = count(1)


def authority(
    vendor: Vendor | None = None, *, left: timedelta, life: timedelta = 10 * YEAR, **more: object
) -> Authority:
    """An approved authority that ends `left` after NOW."""
    values: dict[str, object] = {
        "sha256": secrets.token_hex(32),
        "der": b"",
        "name": f"Gateway CA {next(numbers)}",
        "serial": secrets.token_hex(8),
        "not_before": NOW + left - life,
        "not_after": NOW + left,
        "key_type": "P-256",
        "spki_sha256": secrets.token_hex(32),
        "is_root": False,
        "origin": Authority.Origin.UPLOADED,
        "vendor": vendor,
        "state": Authority.State.APPROVED,
    }
    return Authority.objects.create(**{**values, **more})


def gateway(vendor: Vendor, *, name: str = "", **more: object) -> Gateway:
    return Gateway.objects.create(eui=f"58A0CBFFFE{next(numbers):06X}", vendor=vendor, name=name, **more)


def certificate(of: Gateway, by: Authority, *, left: timedelta, life: timedelta = YEAR, **more: object) -> Certificate:
    """A certificate of a gateway that ends `left` after NOW, presented by it unless it has a longer one."""
    values: dict[str, object] = {
        "gateway": of,
        "vendor": of.vendor,
        "authority": by,
        "origin": Certificate.Origin.RECORDED,
        "sha256": secrets.token_hex(32),
        "der": b"",
        "serial": secrets.token_hex(8),
        "not_before": NOW + left - life,
        "not_after": NOW + left,
        "key_type": "P-256",
        "spki_sha256": secrets.token_hex(32),
    }
    made = Certificate.objects.create(**{**values, **more})
    if of.current_not_after is None or of.current_not_after < made.not_after:
        of.current_authority, of.current_not_after = by, min(made.not_after, by.not_after)
        of.save()
    return made


def release(*authorities: Authority, number: int = 1) -> Release:
    """A release of the group `common` with these authorities."""
    group, _ = Group.objects.get_or_create(name="common")
    made = Release.objects.create(group=group, number=number, bundle=b"", bundle_sha256="0" * 64)
    made.authorities.set(authorities)
    return made


def server(by: Authority, *hosts: str, left: timedelta, life: timedelta = YEAR, **more: object) -> ServerCertificate:
    """A certificate of a server that ends `left` after NOW."""
    serial = secrets.token_hex(8)
    key = Key.objects.create(
        purpose="server", key_type="P-256", public_key=b"", spki_sha256="", kek_id="", wrapped_key=b"sealed"
    )
    signing = Signing.objects.create(
        key=key, issuer=by, serial=serial, subject=hosts[0], profile="tls-server", profile_version=1, tbs=b"",
        tbs_sha256="", signature_algorithm="", not_after=NOW + left, requester="", state="signed", der=b"",
    )  # fmt: skip
    values: dict[str, object] = {
        "idempotency_key": serial,
        "authority": by,
        "profile": "tls-server",
        "profile_version": 1,
        "hosts": list(hosts),
        "host_set": " ".join(sorted(hosts)),
        "lifetime_days": life.days,
        "public_key": b"",
        "key_type": "P-256",
        "spki_sha256": "",
        "serial": serial,
        "signing": signing,
        "der": b"",
        "sha256": secrets.token_hex(32),
        "not_before": NOW + left - life,
        "not_after": NOW + left,
        "renew_from": NOW + left - life / 3,
        "key": key,
    }
    return ServerCertificate.objects.create(**{**values, **more})


def crossed(at: datetime = NOW) -> list[tuple[str, str]]:
    """What a look at this instant writes down: subject and threshold of each new notice."""
    before = set(Notice.objects.values_list("pk", flat=True))
    Heartbeat.objects.update_or_create(job=LOOK, defaults={"succeeded_at": at - timedelta(hours=1)})
    with clock.at(at):
        look({})
    new = Notice.objects.exclude(pk__in=before).crossings().order_by("subject_kind", "subject_id")
    return list(new.values_list("subject_name", "threshold"))
