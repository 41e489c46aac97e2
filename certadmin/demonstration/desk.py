"""What people do in the demonstration: each act is a call of the service that the page would call, and its bell."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import Deployment, User, Vendor
from accounts.services import invitations, setup, vendors
from alerts.models import Alert, AlertQuerySet
from alerts.services import answers
from alerts.tasks import send_due_notices
from cas.models import Authority
from cas.services import intake, operate, proving, review, trying, waiving
from cas.services.evidence import What
from cas.services.operate import Plan
from certadmin.demonstration.cast import CUPS_URI, DEPLOYMENT, Company, Person
from certadmin.demonstration.outside import OutsideAuthority, make_csr, make_leaf, sign_code
from certificates import services as certificates
from certificates.models import Batch, Certificate, Request
from certificates.services import server_certificates, server_custody
from certificates.services.batch_archive import confirm_receipt, open_archive
from certificates.services.batch_checking import check_chunk
from certificates.services.batch_issuing import issue_chunk
from certificates.services.batches import Entry, Wish, create_batch, work_left
from certificates.services.server_certificates import ServerWish
from certificates.tasks import destroy_keys
from core import bell, clock
from core.errors import Refused
from gateways import services as gateways
from gateways.models import Dispute, Gateway
from gateways.services import imports
from gateways.services.sightings import Told, record_sightings
from gateways.services.tagging import tag_many
from outbox.models import Message
from outbox.tasks import send_due
from pki.age_lock import for_pass_phrase
from pki.intake import UploadedFile
from pki.profiles import ONE_YEAR, TLS_SERVER
from trust.models import COMMON, Group
from trust.services import groups, releases, stores
from trust.tasks import publish

PASTED = "pasted.pem"


@dataclass(slots=True)
class Desk:
    """Everybody and everything so far, by name."""

    password: str
    people: dict[str, User] = field(default_factory=dict)
    vendors: dict[str, Vendor] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # of the leases of requests

    def person(self, person: Person) -> User:
        return self.people[person.email]

    # ---- people

    def set_up(self, first: Person, *, cups_trust: str) -> None:
        """Make the first operator; where the desk has one already, that one invites ours."""
        link = setup.setup_link()
        if link is None:
            self.invite(first, by=User.objects.active_operators()[0])
            return
        deployment = Deployment.objects.first() or Deployment()
        deployment.name, deployment.cups_uri, deployment.cups_trust = DEPLOYMENT, CUPS_URI, cups_trust
        token = link.rstrip("/").rpartition("/")[2]
        self.people[first.email] = setup.set_up(
            token, email=first.email, name=first.name, password=self.password, deployment=deployment
        )

    def invite(self, person: Person, *, by: User) -> None:
        """Invite, and let the person follow the link of the mail at once."""
        vendor = self.vendors[person.vendor] if person.vendor else None
        invitation = invitations.invite(by, email=person.email, role=person.role, vendor=vendor)
        bell.ring(send_due)
        mail = Message.objects.get(key=f"invitation:{invitation.pk}")
        token = re.search(r"/invitations/([^/\s]+)/", mail.text)
        if token is None:
            raise ValueError("the invitation carries no link")
        self.people[person.email] = invitations.accept(token[1], name=person.name, password=self.password)

    def welcome(self, company: Company, person: Person, *, by: Person) -> None:
        actor = self.person(by)
        self.vendors[company.name] = vendors.create_vendor(actor, name=company.name)
        vendors.add_contact(actor, self.vendors[company.name], name="Operations", email=company.contact)
        gateways.add_block(actor, self.vendors[company.name], company.prefix[:6])
        self.invite(person, by=actor)

    # ---- authorities and trust

    def hand_in(self, person: Person, *chain: OutsideAuthority, leaf: bytes = b"") -> None:
        content = b"".join(each.pem for each in chain) + leaf
        vendor = self.vendors[person.vendor]
        handed_in = intake.hand_in(self.person(person), vendor, [UploadedFile(PASTED, content)])
        for authority in handed_in.authorities:
            self.authorities[authority.name] = authority
        bell.ring(send_due)

    def ask_for_code(self, person: Person, name: str) -> str:
        return proving.make_code(self.person(person), self.authorities[name]).code

    def prove(self, person: Person, issuer: OutsideAuthority) -> None:
        """Sign the code with the authority's key, and hand that in."""
        signed = sign_code(issuer, self.ask_for_code(person, issuer.name), now=clock.now())
        proving.prove(self.person(person), self.authorities[issuer.name], signed)

    def try_leaf(self, person: Person, name: str, leaf: bytes) -> None:
        trying.try_leaf(self.person(person), self.authorities[name], leaf)

    def waive(self, name: str, what: What, *, by: Person, reason: str) -> None:
        waiving.waive(self.person(by), self.authorities[name], what, reason=reason)

    def approve(self, name: str, *, by: Person, reason: str = "") -> None:
        authority = self.authorities[name]
        review.approve(authority, actor=self.person(by), expected_sha256=authority.sha256, reason=reason)
        bell.ring(send_due)

    def refuse(self, name: str, *, by: Person, reason: str) -> None:
        authority = self.authorities[name]
        review.refuse(authority, actor=self.person(by), expected_sha256=authority.sha256, reason=reason)
        bell.ring(send_due)

    def operate(self, root: Plan, issuing: Plan, *, by: Person) -> None:
        above = operate.create_root(self.person(by), root)
        self.authorities[issuing.name] = operate.create_issuing(self.person(by), above, issuing)

    def operate_servers(self, plan: Plan, *, under: str, by: Person) -> None:
        root = Authority.objects.operated_roots().get(name=under)
        made = operate.create_issuing(self.person(by), root, plan, for_servers=True)
        self.authorities[plan.name] = made

    def certify_server(
        self,
        hosts: tuple[str, ...],
        authority: str,
        *,
        days: int,
        by: Person,
        profile: str = TLS_SERVER.name,
        takes: bool = True,
    ) -> None:
        """Make a certificate for a server, and fetch its key at once where somebody `takes` it."""
        actor = self.person(by)
        names = (("C", "NO"), ("O", DEPLOYMENT[:64]))
        wish = ServerWish(hosts, profile, days, names=names, key_type="P-256")
        key = f"demonstration {clock.now():%Y-%m-%d %H:%M}"
        made = server_certificates.create(actor, self.authorities[authority], wish, idempotency_key=key)
        if takes:
            server_custody.private_key_pem(made, actor=actor)
            server_custody.confirm_receipt(made, actor=actor)

    def trust(self, name: str, *, by: Person) -> None:
        groups.add_to_group(self.person(by), self.group, self.authorities[name])

    def publish(self, note: str, *, by: Person) -> None:
        release = releases.publish_release(self.person(by), self.group, note, typed=COMMON)
        for publication in release.publications.all():
            bell.ring(publish, publication.pk)

    def connect_store(self) -> None:
        stores.connect_first_store()

    @property
    def group(self) -> Group:
        return groups.common()

    # ---- gateways and certificates

    def register(self, person: Person, eui: str, name: str, *, model: str = "") -> None:
        actor = self.person(person)
        self.gateways[eui] = gateways.register(actor, self.vendors[person.vendor], eui, name, model=model)

    def begin_import(self, person: Person, name: str, lines: Sequence[str]) -> None:
        """Hand in a file of gateways and have it looked at; whether it is written is left to a person."""
        actor, file = self.person(person), imports.receive(name, ["\n".join(lines).encode()])
        made = imports.begin_import(actor, self.vendors[person.vendor], file, idempotency_key=name)
        imports.check_import(made, actor=actor, columns=made.columns)
        imports.work_on(made.pk)

    def ask_outside(self, person: Person, eui: str, name: str, *, model: str = "") -> None:
        """Ask for a gateway outside of the vendor's blocks."""
        gateways.claim(self.person(person), self.vendors[person.vendor], eui, name=name, model=model)

    def tag(self, person: Person, euis: Sequence[str], *names: str) -> None:
        chosen = Gateway.objects.filter(eui__in=euis)
        tag_many(chosen, actor=self.person(person), add=names, remove=[])

    def see(self, company: Company, *, by: Person, without: Sequence[str] = ()) -> None:
        """A proxy's log of the last day: which of the vendor's gateways checked in, and with which certificate."""
        now = clock.now()
        found = Certificate.objects.in_force(now).filter(vendor=self.vendors[company.name]).order_by("not_after")
        shown = dict(found.values_list("gateway__eui", "sha256"))  # that which lasts longest comes last
        ages = ((eui, timedelta(minutes=7 * int(eui[-4:], 16) % 1400)) for eui in shown if eui not in without)
        record_sightings(self.person(by), [Told(eui, now - age, shown[eui]) for eui, age in ages])

    def claim(self, person: Person, eui: str) -> Dispute:
        """Ask for a gateway that is somebody else's."""
        vendor = self.vendors[person.vendor]
        try:
            gateways.register(self.person(person), vendor, eui)
        except Refused:
            return Dispute.objects.open().get(gateway__eui=eui, claimant=vendor)
        raise ValueError(f"{eui} was free")

    def hand_over(self, dispute: Dispute, *, by: Person, reason: str) -> None:
        outcome = Dispute.Outcome.TRANSFERRED
        certificates.decide_dispute(dispute, actor=self.person(by), outcome=outcome, reason=reason)

    def record(self, person: Person, eui: str, issuer: OutsideAuthority, *, years: int = 1) -> None:
        leaf = make_leaf(issuer, eui, now=clock.now(), lifetime=years * ONE_YEAR)
        certificates.record_leaf(self.person(person), self.gateways[eui], leaf)

    def let_issue(self, company: Company, authority: str, *, automatic: bool, by: Person) -> None:
        vendor, issuer = self.vendors[company.name], self.authorities[authority]
        certificates.set_policy(vendor, actor=self.person(by), authority=issuer, automatic=automatic)

    def request(self, person: Person, eui: str, *, days: int, key_made_here: bool = False) -> None:
        with transaction.atomic():
            made = certificates.request_certificate(
                self.person(person),
                self.gateways[eui],
                lifetime_days=days,
                idempotency_key=f"demonstration {clock.now():%Y-%m-%d %H:%M}",
                csr=None if key_made_here else make_csr(eui),
                key_type="P-256" if key_made_here else "",
            )
            self.requests[eui] = made
            self._hold(eui)
        bell.ring(send_due)
        if made.state == Request.State.APPROVED:
            self.issue(eui)

    def batch(self, person: Person, euis: Sequence[str], source: str) -> None:
        """Hand in a list of EUIs and let the lines be checked; where the policy says so, they are issued at once."""
        actor, entries = self.person(person), [Entry(each) for each in euis]
        wish = Wish(f"EUIs of {source}", 365, "P-256")
        made = create_batch(actor, self.vendors[person.vendor], entries, wish, idempotency_key=source)
        for act in (check_chunk, issue_chunk):
            for pk in work_left(made):
                act(pk)

    def confirm_batch(self, person: Person, source: str) -> None:
        """Take the archive of a batch, and say that its private keys arrived."""
        made = Batch.objects.get(vendor=self.vendors[person.vendor], source=f"EUIs of {source}")
        open_archive(made, actor=self.person(person), lock=for_pass_phrase(secrets.token_urlsafe(24)))
        confirm_receipt(made, actor=self.person(person))

    def decide(self, eui: str, *, by: Person, is_issued: bool = True) -> None:
        request = self.requests[eui]
        with transaction.atomic():
            certificates.approve_request(request, actor=self.person(by), expected_sha256=request.content_sha256)
            self._hold(eui)
        if is_issued:
            self.issue(eui)

    def _hold(self, eui: str) -> None:
        """In the transaction that approves it, so that a running desk does not issue it now instead of then."""
        request = self.requests[eui]
        self.owners[eui] = Request.objects.unfinished().claim(request.pk, seconds=settings.LEASE_SECONDS) or ""

    def issue(self, eui: str) -> None:
        certificates.issue_held(self.requests[eui].pk, self.owners[eui])
        bell.ring(send_due)

    def decline(self, eui: str, *, by: Person, reason: str) -> None:
        certificates.refuse_request(self.requests[eui], actor=self.person(by), reason=reason)
        bell.ring(send_due)

    def confirm(self, person: Person, eui: str) -> None:
        """Fetch the private key, then say that it arrived."""
        certificate = self.newest(eui)
        certificates.private_key_pem(certificate, actor=self.person(person))
        certificates.confirm_receipt(certificate, actor=self.person(person))

    def revoke(self, person: Person, eui: str, *, reason: str) -> None:
        certificates.revoke(self.newest(eui), actor=self.person(person), reason=reason)

    def newest(self, eui: str) -> Certificate:
        return Certificate.objects.select_related("gateway", "key", "authority").filter(gateway__eui=eui).latest("pk")

    # ---- what people answer to alerts

    def acknowledge(self, person: Person, *names: str, note: str) -> None:
        answers.acknowledge(self.person(person), self._alerts(names), note=note)

    def snooze(self, person: Person, *names: str, days: int, note: str) -> None:
        answers.snooze(self.person(person), self._alerts(names), until=clock.now() + timedelta(days=days), note=note)

    def mute(self, person: Person, *names: str, days: int, reason: str) -> None:
        answers.mute(self.person(person), self._alerts(names), until=clock.now() + timedelta(days=days), reason=reason)

    def _alerts(self, names: Sequence[str]) -> AlertQuerySet:
        return Alert.objects.live().filter(name__in=names)

    # ---- the schedule

    def look_for_ends(self) -> None:
        bell.ring(send_due_notices)

    def tidy(self) -> None:
        bell.ring(destroy_keys)
