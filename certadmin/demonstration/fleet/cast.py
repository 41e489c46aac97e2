"""Who makes a fleet's gateways, and the authorities that sign for them: done by the real services at past instants."""

from dataclasses import dataclass, field
from functools import partial

from accounts.models import Role
from cas.models import Authority
from cas.services import operate
from cas.services.operate import Plan
from certadmin.demonstration import outside
from certadmin.demonstration.cast import INES, SIGRID, TOMAS, Company, Person
from certadmin.demonstration.desk import Desk
from certadmin.demonstration.fleet.plan import TAGS
from certadmin.demonstration.fleet.world import MOST, Maker, Signer, World, eui
from certadmin.demonstration.outside import OutsideAuthority
from certadmin.demonstration.timetable import Timetable
from gateways.models import Tag

BEGIN = -2700.0  # days from now, and so are all below
YEAR = 365
ROOT = Plan(name="Fjordnet Fleet Root", organisation="Fjordnet", key_type="P-256", years=20, path_length=1)
OPERATED = (("Fjordnet Fleet CA G1", BEGIN + 10), ("Fjordnet Fleet CA G2", -1500.0), ("Fjordnet Fleet CA G3", -400.0))
OWN = ((BEGIN + 10, -800.0), (-1150.0, 0.0), (-300.0, 1500.0))  # first to last; the second ends when its maker says
SETTLED = -250.0  # since then, all of them are trusted


@dataclass(frozen=True, slots=True)
class Member:
    """A vendor of the fleet. `issued` of its gateways get their certificates here; the CA that it signs the others with
    `ends` in so many days."""

    company: Company
    person: Person
    issued: float
    ends: float = 0.0


def _member(name: str, person: str, prefix: str, *, issued: float, ends: float = 0.0) -> Member:
    domain = f"{name.split()[0].lower()}.example"
    address = f"{person.split()[0].lower()}@{domain}"
    return Member(Company(name, prefix, f"noc@{domain}"), Person(person, address, Role.VENDOR, name), issued, ends)


MEMBERS = (  # the largest first: the second has half as many gateways, the third a third, … (Zipf)
    _member("Northgate Radio", "Liv Strand", "020C10FFFE", issued=1.0),
    _member("Borealis Wireless", "Emil Vik", "020C11FFFE", issued=0.5, ends=45),
    _member("Halden Devices", "Ida Moe", "020C12FFFE", issued=0.0, ends=400),
    _member("Tinde Systems", "Odd Rygg", "020C13FFFE", issued=1.0),
    _member("Lynx Telemetry", "Nora Sand", "020C14FFFE", issued=0.8, ends=-20),
    _member("Osterdal Networks", "Per Lie", "020C15FFFE", issued=0.0, ends=12),
    _member("Saltfjord IoT", "Silje Aas", "020C16FFFE", issued=1.0),
    _member("Vega Gateways", "Jon Berg", "020C17FFFE", issued=0.7, ends=80),
)
PEOPLE = (INES, TOMAS, SIGRID, *(member.person for member in MEMBERS))


@dataclass(slots=True)
class Cast:
    """The desk, and what the vendors keep to themselves: their authorities with their keys, by the vendor's name."""

    desk: Desk
    table: Timetable
    own: dict[str, list[OutsideAuthority]] = field(default_factory=dict)

    def enter(self, seed: int) -> World:
        """Do everything that comes before the first gateway, and return what the fleet is made of."""
        self._begin()
        for place, member in enumerate(MEMBERS):
            self._welcome(member, BEGIN + 2 + place / 10)
        self.table.at(SETTLED, partial(self.desk.publish, "All authorities of the fleet", by=TOMAS))
        self.table.run()
        parts = [1 / rank for rank, _ in enumerate(MEMBERS, 1)]
        makers = tuple(self._maker(*each) for each in zip(MEMBERS, parts, strict=True))
        return World(seed, self.table.end, makers, self._operated())

    def _begin(self) -> None:
        since, until = self.table.instant(BEGIN - 30), self.table.instant(9 * YEAR)
        server = outside.make_root("Fjordnet Server Root", "Fjordnet", since=since, until=until)
        self.table.at(BEGIN, partial(self.desk.set_up, INES, cups_trust=server.pem.decode()))
        self.table.at(BEGIN + 0.1, lambda: self.desk.invite(TOMAS, by=self.desk.person(INES)))
        self.table.at(BEGIN + 0.2, lambda: self.desk.invite(SIGRID, by=self.desk.person(INES)))
        self.table.at(BEGIN + 0.3, self.desk.connect_store)
        self.table.at(BEGIN + 1, lambda: operate.create_root(self.desk.person(INES), ROOT))
        for name, day in OPERATED:
            self.table.at(day, partial(self._operate, name))

    def _operate(self, name: str) -> None:
        """A new authority of ours: from now on it issues for those who have their certificates made here."""
        root = Authority.objects.operated_roots().get(name=ROOT.name)
        plan = Plan(name=name, organisation=ROOT.organisation, key_type=ROOT.key_type, years=10, path_length=0)
        self.desk.authorities[name] = operate.create_issuing(self.desk.person(INES), root, plan)
        self.desk.trust(name, by=TOMAS)
        for member in MEMBERS:
            if member.issued:
                self.desk.let_issue(member.company, name, automatic=True, by=TOMAS)

    def _welcome(self, member: Member, day: float) -> None:
        self.table.at(day, partial(self.desk.welcome, member.company, member.person, by=INES))
        if member.issued == 1:
            return
        name, days = member.company.name, [(since, until or member.ends) for since, until in OWN]
        since, until = self.table.instant(BEGIN), self.table.instant(12 * YEAR)
        root = outside.make_root(f"{name} Root", name, since=since, until=until)
        for number, validity in enumerate(days, 1):
            self._bring(member, root, f"{name} Gateway CA {number}", validity)

    def _bring(self, member: Member, root: OutsideAuthority, name: str, days: tuple[float, float]) -> None:
        """An authority of the vendor's own: made, handed in with a test leaf, proven, approved and trusted."""
        since, until = map(self.table.instant, days)
        issuing = outside.make_issuing(root, name, since=since, until=until)
        self.own.setdefault(member.company.name, []).append(issuing)
        day, person = days[0] + 1, member.person
        sample = outside.make_leaf(
            issuing, eui(member.company.prefix, MOST - 1), now=self.table.instant(day), lifetime=YEAR * outside.DAY
        )
        self.table.at(day, partial(self.desk.hand_in, person, issuing, leaf=sample))
        self.table.at(day + 0.1, partial(self.desk.prove, person, issuing))
        self.table.at(day + 0.2, partial(self.desk.approve, name, by=INES, reason="Proven, and its leaf is accepted"))
        self.table.at(day + 0.3, partial(self.desk.trust, name, by=TOMAS))

    def _maker(self, member: Member, weight: float) -> Maker:
        person = self.desk.person(member.person)
        own = self.own.get(member.company.name, [])
        vendor = self.desk.vendors[member.company.name]
        return Maker(
            vendor_id=vendor.pk,
            person_id=person.pk,
            person=person.name,
            prefix=member.company.prefix,
            weight=weight,
            issued=member.issued,
            own=tuple(_signer(self.desk.authorities[each.name], each.private_key) for each in own),
            tags={name: Tag.objects.get_or_create(vendor=vendor, name=name)[0].pk for name in TAGS},
        )

    def _operated(self) -> tuple[Signer, ...]:
        return tuple(_signer(self.desk.authorities[name]) for name, _ in OPERATED)


def _signer(authority: Authority, private_key: bytes = b"") -> Signer:
    return Signer(
        authority_id=authority.pk,
        sha256=authority.sha256,
        der=bytes(authority.der),
        since=authority.not_before,
        until=authority.not_after,
        key_id=authority.key_id,
        private_key=private_key,
    )
