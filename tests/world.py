"""One of everything, made by the real services: what tests of all pages look at."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from accounts.models import ApiToken, Contact, Invitation, Role, User, Vendor
from accounts.services import invitations, vendors
from alerts.models import Alert, Notice
from cas.models import Authority, TestLeaf
from cas.services.operate import Plan, create_issuing, create_root
from certificates.models import Batch, Certificate, Request, ServerCertificate
from certificates.services import issue, request_certificate, server_certificates, set_policy
from certificates.services.batch_checking import check_chunk
from certificates.services.batches import Entry, Wish, create_batch, work_left
from certificates.services.server_certificates import ServerWish
from core import clock
from core.errors import Refused
from gateways.models import Claim, Dispute, EuiBlock, Gateway, Import
from gateways.services import claim, register
from outbox.models import Endpoint, HookDelivery, Message
from pki.facts import read_certificate
from tests.gateways.importing import checked
from trust.models import Release, Store
from trust.services import groups, publication, releases, stores

EUI = "58A0CBFFFE8011D4"


@dataclass(frozen=True, slots=True)
class World:
    """The rows, by the names that tests ask for."""

    vendor: Vendor
    person: User
    contact: Contact
    invitation: Invitation
    authority: Authority
    test_leaf: TestLeaf
    issuing: Authority
    gateway: Gateway
    dispute: Dispute
    block: EuiBlock
    claim: Claim
    imported: Import
    request: Request
    waiting: Request
    certificate: Certificate
    batch: Batch
    server: ServerCertificate
    release: Release
    store: Store
    notice: Notice
    message: Message
    token: ApiToken
    endpoint: Endpoint
    call: HookDelivery


def make_world(
    operator: User, vendor: Vendor, person: User, other: User, *, folder: Path, authority_der: bytes
) -> World:
    """Must run outside of a transaction: signatures are recorded before they are made."""
    invitation = invitations.invite(operator, email="new@kestrel.example", role=Role.VENDOR, vendor=vendor)
    contact = vendors.add_contact(operator, vendor, name="Desk", email="desk@kestrel.example")
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    issuing = create_issuing(operator, root, Plan("Fjordnet Issuing", "Fjordnet", "P-256", 10, 0))
    store, release = _published(operator, issuing, folder)
    gateway = register(operator, vendor, EUI, "Kvitfjell mast")
    request, certificate = _issued(operator, vendor, issuing, gateway)
    waiting = request_certificate(
        person, register(operator, vendor, "58A0CBFFFE8011D5"), lifetime_days=365, idempotency_key="w", key_type="P-256"
    )
    authority = _uploaded(vendor, person, authority_der)
    return World(
        vendor=vendor,
        person=person,
        contact=contact,
        invitation=invitation,
        authority=authority,
        test_leaf=_tried(authority, certificate),
        issuing=issuing,
        gateway=gateway,
        dispute=_dispute(other, gateway),
        block=EuiBlock.objects.get(vendor=vendor),
        claim=claim(person, vendor, "0016C0FFFE000001", name="A mast outside"),
        imported=checked(person, vendor, "eui\n58A0CBFFFE8011D9\nnonsense\n"),
        request=request,
        waiting=waiting,
        certificate=certificate,
        batch=_batch(person, vendor),
        server=_server(operator, root),
        release=release,
        store=store,
        notice=_notice(certificate),
        message=Message.objects.order_by("pk")[0],
        token=_token(person),
        **_webhook(person, vendor),
    )


def _webhook(person: User, vendor: Vendor) -> dict[str, Any]:
    """One that took one event."""
    endpoint = Endpoint.objects.create(
        vendor_id=vendor.pk, url="https://hooks.kestrel.example/in", name="Ticket desk", events=["certificate.issued"],
        created_by_id=person.pk, created_by_name=person.name,
    )  # fmt: skip
    values = {"event": "certificate.issued", "payload": "{}", "happened_at": clock.now(), "state": "delivered"}
    return {"endpoint": endpoint, "call": endpoint.deliveries.create(record_id=1, hook_id="msg_1", **values)}


def _token(person: User) -> ApiToken:
    end = clock.now() + timedelta(days=90)
    return ApiToken.objects.create(owner=person, name="nightly job", token_hash="0" * 64, ending="0000", expires_at=end)


def _server(operator: User, root: Authority) -> ServerCertificate:
    plan = Plan("Fjordnet Servers", "Fjordnet", "P-256", 10, 0)
    authority = create_issuing(operator, root, plan, for_servers=True)
    wish = ServerWish(("lns.fjordnet.example",), "tls-server", 365, key_type="P-256")
    return server_certificates.create(operator, authority, wish, idempotency_key="w")


def _batch(person: User, vendor: Vendor) -> Batch:
    """One of two lines is refused; the other waits for approval."""
    lines = [Entry("58A0CBFFFE8011D5"), Entry("nonsense")]
    batch = create_batch(person, vendor, lines, Wish("EUIs of gateways.csv", 365, "P-256"), idempotency_key="w")
    for pk in work_left(batch):
        check_chunk(pk)
    batch.refresh_from_db()
    return batch


def _published(operator: User, issuing: Authority, folder: Path) -> tuple[Store, Release]:
    store = stores.connect_store(operator, Store(name="main", kind=Store.Kind.DIRECTORY, directory=str(folder)))
    groups.add_to_group(operator, groups.common(), issuing)
    release = releases.publish_release(operator, groups.common(), "first")
    for each in release.publications.all():
        publication.publish(each.pk)
    return store, release


def _issued(operator: User, vendor: Vendor, issuing: Authority, gateway: Gateway) -> tuple[Request, Certificate]:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    request = request_certificate(operator, gateway, lifetime_days=365, idempotency_key="i", key_type="P-256")
    certificate = issue(request.pk)
    if certificate is None:
        raise AssertionError(Request.objects.get(pk=request.pk).failure)
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)
    return request, certificate


def _uploaded(vendor: Vendor, person: User, der: bytes) -> Authority:
    authority = Authority.from_facts(
        read_certificate(der), origin=Authority.Origin.UPLOADED, vendor=vendor, submitted_by=person
    )
    authority.save()
    return authority


def _tried(authority: Authority, leaf: Certificate) -> TestLeaf:
    facts = {"sha256": leaf.sha256, "der": leaf.der, "not_before": leaf.not_before, "not_after": leaf.not_after}
    return TestLeaf.objects.create(authority=authority, name=EUI, rule="unknown_authority", **facts)


def _dispute(other: User, gateway: Gateway) -> Dispute:
    if other.vendor is None:
        raise AssertionError("a vendor's person claims")
    try:
        register(other, other.vendor, gateway.eui)
    except Refused:
        return Dispute.objects.get()
    raise AssertionError("the claim was not refused")


def _notice(certificate: Certificate) -> Notice:
    alert = Alert.objects.create(
        kind="certificate",
        subject_id=certificate.pk,
        name=certificate.gateway.eui,
        vendor_id=certificate.vendor_id,
        authority_id=certificate.authority_id,
        gateway_id=certificate.gateway_id,
        not_after=certificate.not_after,
        renew_by=certificate.not_after,
        threshold="90d",
        crossed_at=clock.now(),
    )
    return Notice.objects.create(
        alert=alert,
        subject_kind="certificate",
        subject_id=certificate.pk,
        threshold="90d",
        subject_name=certificate.gateway.eui,
        vendor_id=certificate.vendor_id,
        not_after=certificate.not_after,
        crossed_at=clock.now(),
        run=uuid.uuid4(),
    )
