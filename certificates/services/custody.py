"""Private keys made here: sealed until their holder has them or the time is over, then destroyed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import Deployment, User
from audit.services import SYSTEM, Machine, record
from certificates.models import Certificate, Request
from core import clock
from core.errors import Forbidden, Refused
from keys import services as vault
from pki import kit
from pki.errors import PkiError


def station_kit(certificate: Certificate, *, actor: User) -> bytes:
    """The files that a Basics Station reads, as a zip; with the private key where it is still sealed here."""
    _refuse_foreign(certificate, actor)
    _refuse_moved(certificate)
    deployment = Deployment.objects.first()
    if deployment is None or not (deployment.cups_uri and deployment.cups_trust):
        raise Refused("kit-not-configured", "A kit needs the CUPS address and trust of the settings page.")
    private_key = _open(certificate, actor, "certificate.kit-downloaded") if certificate.has_sealed_key else None
    try:
        return kit.station_kit(
            eui=certificate.gateway.eui,
            leaf_der=bytes(certificate.der),
            chain_ders=[bytes(authority.der) for authority in certificate.authority.chain()],
            private_key_der=private_key,
            trust_pem=deployment.cups_trust.encode(),
            cups_uri=deployment.cups_uri,
        )
    except PkiError as error:
        raise Refused(error.code, error.message) from None


def private_key_pem(certificate: Certificate, *, actor: User) -> bytes:
    """The private key alone, in the form that a Basics Station reads."""
    _refuse_foreign(certificate, actor)
    _refuse_moved(certificate)
    _refuse_gone(certificate)
    private_key = _open(certificate, actor, "certificate.key-downloaded")
    return kit.private_key_pem(private_key, bytes(certificate.der))


def sealed_key_pem(certificate: Certificate) -> bytes | None:
    """The private key for an archive, None where it is not here any more. Who takes the archive is recorded for the
    whole of it, before."""
    if not certificate.has_sealed_key or certificate.key_id is None:
        return None
    return kit.private_key_pem(vault.open_private_key(certificate.key_id), bytes(certificate.der))


def confirm_receipt(certificate: Certificate, *, actor: User) -> Certificate:
    """Its holder has the key: destroy ours."""
    _refuse_foreign(certificate, actor)
    _refuse_moved(certificate)
    _refuse_gone(certificate)
    with transaction.atomic():
        waiting = Certificate.objects.filter(pk=certificate.pk, key_confirmed_at__isnull=True)
        if waiting.update(key_confirmed_at=clock.now()) and certificate.key_id:
            vault.destroy_key(certificate.key_id)
            record(actor, "certificate.key-received", subject=certificate, vendor_id=certificate.vendor_id)
    certificate.refresh_from_db()
    return certificate


def keep_for(certificate: Certificate, until: datetime) -> None:
    """A probe uses the key, which is not handed over: it waits longer than usual."""
    _refuse_gone(certificate)
    Certificate.objects.filter(pk=certificate.pk).update(key_until=until)


def let_go_of(certificate: Certificate) -> None:
    """Nobody needs the key any more: the schedule destroys it."""
    Certificate.objects.filter(pk=certificate.pk).update(key_until=clock.now())


def destroy_due_keys() -> int:
    """Destroy the keys that waited too long, and those of requests that came to nothing; return how many."""
    now = clock.now()
    count = 0
    for certificate in Certificate.objects.with_key_to_destroy(now).select_related("gateway").iterator():
        count += _destroy(certificate, certificate.key_id)
    stuck = Request.objects.with_key_to_destroy(now - timedelta(days=settings.KEY_DAYS))
    for request in stuck.select_related("gateway").iterator():
        count += _destroy(request, request.key_id)
    return count


def destroy_keys_left_behind(gateways: Sequence[int], *, actor: User) -> None:
    """Destroy what is sealed for the former owners of gateways: they have no use for it, and it is nobody else's.

    What a worker has in hand at that moment is refused to everybody, and destroyed by the schedule.
    """
    left = Certificate.objects.left_behind().filter(gateway__any_of=gateways).with_key()
    for certificate in left.select_related("gateway"):
        Certificate.objects.filter(pk=certificate.pk).update(key_until=clock.now())
        _destroy(certificate, certificate.key_id, actor=actor)
    ended = Request.objects.left_behind().filter(gateway__any_of=gateways).with_key_to_destroy(clock.now())
    for request in ended.select_related("gateway"):
        _destroy(request, request.key_id, actor=actor)


def _destroy(subject: Certificate | Request, key_id: object, *, actor: User | Machine = SYSTEM) -> int:
    with transaction.atomic():
        if not vault.destroy_key(key_id):  # type: ignore[arg-type]  # the querysets name rows with a key only
            return 0
        record(actor, f"{subject._meta.model_name}.key-destroyed", subject=subject, vendor_id=subject.vendor_id)
    return 1


def _open(certificate: Certificate, actor: User, action: str) -> bytes:
    """Write down who reads the key, commit that, and only then open it."""
    if certificate.key_id is None:
        raise Refused("no-key-here", "The private key of this certificate was never here.")
    vault.check_kek()
    with transaction.atomic():
        _refuse_moved(certificate)
        record(actor, action, subject=certificate, vendor_id=certificate.vendor_id)
    return vault.open_private_key(certificate.key_id)


def _refuse_foreign(certificate: Certificate, actor: User) -> None:
    if not actor.is_operator and actor.vendor_id != certificate.vendor_id:
        raise Forbidden("not-for-your-role", "The key is for the vendor of this gateway.")


def _refuse_moved(certificate: Certificate) -> None:
    """Ask the database: the gateway may have moved since the page was opened."""
    if Certificate.objects.left_behind().filter(pk=certificate.pk).exists():
        raise Refused(
            "gateway-moved",
            "This gateway belongs to another vendor by now, so nothing for it is handed out, and a private key that "
            "was made here is destroyed. If that is wrong, tell an operator.",
        )


def _refuse_gone(certificate: Certificate) -> None:
    if not certificate.has_sealed_key:
        raise Refused("key-gone", "The private key is not here any more. Request a new certificate instead.")
