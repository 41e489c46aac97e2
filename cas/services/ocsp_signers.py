"""Who signs OCSP responses for our authorities: a key of its own for two weeks, certified by the authority, renewed at
half of that. The certificate goes through the register like every other (G1)."""

from django.db import transaction

from cas.models import Authority, OcspSigner, Signing
from cas.services import signing as register
from cas.services.status_services import Held, holding
from core import clock
from core.errors import Refused
from core.leases import TakenOver
from keys import services as vault
from pki.facts import read_certificate
from pki.issuing import Template, new_serial, prepare, validity
from pki.profiles import OCSP_SIGNER

REQUESTER = "certadmin"


def renew_signer(authority_id: int) -> OcspSigner | None:
    """Make the authority's next signer where one is due; return it, or None. Runs outside of transactions.

    May run twice, late, or on two machines at once; one that somebody left unfinished is finished.
    """
    with holding(authority_id) as held:
        try:
            return _renew(held) if held else None
        except TakenOver:
            return None


def destroy_keys_of_former_signers() -> None:
    for row in OcspSigner.objects.over_at(clock.now()):
        vault.destroy_key(row.key_id)


def _renew(held: Held) -> OcspSigner | None:
    unfinished = OcspSigner.objects.unfinished().filter(authority=held.authority).first()
    if unfinished is None:
        last = OcspSigner.objects.usable_at(clock.now()).filter(authority=held.authority).first()
        if last is not None and last.half_life is not None and last.half_life > clock.now():
            return None
    vault.check_key(held.authority.key_id)
    return _finish(unfinished or _begin(held), held)


def _begin(held: Held) -> OcspSigner:
    """The row comes with the key, so that no key is ever without one."""
    with transaction.atomic():
        held.prolong()
        key = vault.create_key("P-256", purpose="ocsp")
        name = f"OCSP signer {key.spki_sha256[:24]}"
        return OcspSigner.objects.create(authority=held.authority, key=key, name=name)


def _finish(row: OcspSigner, held: Held) -> OcspSigner:
    der = register.sign(_reserved(row) or _reserve(row, held.authority))
    facts = read_certificate(der)
    with transaction.atomic():
        held.prolong()
        finished = {"der": der, "not_before": facts.not_before, "not_after": facts.not_after}
        OcspSigner.objects.unfinished().filter(pk=row.pk).update(**finished)
    row.refresh_from_db()
    return row


def _reserved(row: OcspSigner) -> Signing | None:
    """What was reserved before an interruption."""
    made = Signing.objects.filter(issuer=row.authority_id, profile=OCSP_SIGNER.name, subject=row.name)
    return made.filter(revoked_at__isnull=True).first()


def _reserve(row: OcspSigner, authority: Authority) -> Signing:
    if authority.key is None:
        raise Refused("authority-without-key", "The authority is not operated here. Nothing was signed.")
    start, end = validity(clock.now(), OCSP_SIGNER.lifetimes[-1], authority.not_after)
    twin = prepare(
        Template(
            profile=OCSP_SIGNER,
            common_name=row.name,
            public_key_der=bytes(row.key.public_key),
            serial=new_serial(),
            not_before=start,
            not_after=end,
            issuer_der=bytes(authority.der),
        )
    )
    return register.reserve(issuer=authority, key=authority.key, twin=twin, profile=OCSP_SIGNER, requester=REQUESTER)
