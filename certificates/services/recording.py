"""Certificates that a vendor's own CA issued: put on record, so that their end is watched."""

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import record
from cas.models import Authority
from certificates.models import Certificate
from certificates.services.current import refresh_current
from certificates.services.key_holding import hold_key
from core import clock
from core.errors import Forbidden, Refused
from core.logs import one_line
from gateways.models import Gateway
from gateways.services import refuse_unfit
from pki.eui import is_canonical
from pki.facts import CertificateFacts
from pki.intake import UploadedFile, read_files
from pki.path_validation import ChainRefused, verify_chain
from pki.weak_keys import find_weaknesses

FIELD = "leaf"


def record_leaf(actor: User, gateway: Gateway, content: bytes) -> Certificate:
    """Record a gateway's certificate. It carries that EUI and chains to an authority of the gateway's vendor."""
    if not actor.is_operator and actor.vendor_id != gateway.vendor_id:
        raise Forbidden("not-your-gateway", "You can record certificates of your own gateways only.")
    refuse_unfit(gateway)
    facts = _only_one(content)
    _refuse_unfit(facts, gateway)
    authority = _issuer(facts, gateway)
    try:
        with transaction.atomic():
            return _save(actor, gateway, facts, authority)
    except IntegrityError:
        raise _duplicate(facts, authority) from None


def _only_one(content: bytes) -> CertificateFacts:
    intake = read_files([UploadedFile("certificate", content)])
    refusals = [finding for finding in intake.findings if finding.severity == "refused"]
    if refusals:
        raise _refused(refusals[0].code, f"{refusals[0].message} {refusals[0].advice}".strip())
    if not intake.certificates:
        raise _refused("no-certificate", "There is no certificate in it.")
    leaves = [each.facts for each in intake.certificates if not each.facts.is_ca]
    if len(leaves) != 1:
        raise _refused("one-leaf", f"Give the certificate of one gateway; there are {len(leaves)} here.")
    return leaves[0]


def _refuse_unfit(facts: CertificateFacts, gateway: Gateway) -> None:
    if facts.common_names != (gateway.eui,) or not is_canonical(facts.common_names[0]):
        named = ", ".join(facts.common_names) or "nothing"
        raise _refused("cn-not-eui", f"Its common name is {named}. It must be exactly {gateway.eui}.")
    if facts.not_after <= clock.now():
        raise _refused("expired", f"It ended on {facts.not_after:%d %B %Y}.")
    weak = [finding for finding in find_weaknesses(facts.spki) if finding.severity == "refused"]
    if weak:
        raise _refused(weak[0].code, f"{weak[0].message} {weak[0].advice}".strip())


def _issuer(facts: CertificateFacts, gateway: Gateway) -> Authority:
    """The vendor's authority that issued it, proved by path validation with each authority as its own anchor."""
    own = Authority.objects.filter(vendor_id=gateway.vendor_id).exclude(state=Authority.State.REFUSED)
    candidates = list(own.filter(subject=one_line(facts.issuer)).order_by("-not_after"))
    why = "None of this vendor's authorities issued it. Hand the issuing CA in first."
    for authority in candidates:
        try:
            verify_chain(facts.der, trust=[bytes(authority.der)], at=clock.now(), purpose="client")
        except ChainRefused as refusal:
            why = refusal.message
        else:
            return authority
    raise _refused("foreign-issuer", why)


def _save(actor: User, gateway: Gateway, facts: CertificateFacts, authority: Authority) -> Certificate:
    hold_key(gateway, facts.spki, field=FIELD)
    certificate = Certificate.objects.create(
        gateway=gateway,
        vendor=gateway.vendor,
        authority=authority,
        origin=Certificate.Origin.RECORDED,
        sha256=facts.sha256,
        der=facts.der,
        serial=facts.serial,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_type=facts.key_type,
        spki_sha256=facts.spki_sha256,
        created_at=clock.now(),
    )
    refresh_current(gateway.pk)
    details = {"serial": facts.serial, "sha256": facts.sha256}
    record(actor, "certificate.recorded", subject=certificate, vendor_id=gateway.vendor_id, **details)
    record(actor, "gateway.certified", subject=gateway, vendor_id=gateway.vendor_id, **details)
    return certificate


def _duplicate(facts: CertificateFacts, authority: Authority) -> Refused:
    if Certificate.objects.filter(sha256=facts.sha256).exists():
        return _refused("duplicate", "This certificate is on record already: nothing was added.")
    return _refused(
        "serial-used",
        f"{authority.name} gave the serial number {facts.serial} to another certificate already. Serial numbers are "
        "unique for each CA: issue it anew with another one.",
    )


def _refused(code: str, message: str) -> Refused:
    return Refused(code, message, field=FIELD)
