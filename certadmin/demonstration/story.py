"""Fourteen months of a network, told vendor by vendor. Days are counted from now; the past is negative."""

import random
from collections.abc import Iterator
from functools import partial
from itertools import count

from cas.models import Signing
from cas.services.evidence import What
from cas.services.operate import Plan
from certadmin.demonstration import outside
from certadmin.demonstration.cast import (
    AMPERE,
    COMPANIES,
    INES,
    JONAS,
    KESTREL,
    MARA,
    NAMES,
    SIGRID,
    SOLVEIG,
    TOMAS,
    VERA,
    Company,
)
from certadmin.demonstration.desk import Desk
from certadmin.demonstration.timetable import Timetable

ROOT = Plan(name="Fjordnet Root R1", organisation="Fjordnet", key_type="P-256", years=20, path_length=1)
ISSUING = Plan(name="Fjordnet Gateway CA G1", organisation="Fjordnet", key_type="P-256", years=10, path_length=0)
SERVERS = Plan(name="Fjordnet Server CA G1", organisation="Fjordnet", key_type="P-256", years=10, path_length=0)
BEGIN = -420.0
YEARS = 365
MINUTE = 1 / 1440
DAILY_SINCE = 90  # before that, the hourly look for ends is told every ten days


def tell(desk: Desk, table: Timetable) -> None:
    """Note everything that happens in the timetable."""
    dice = random.Random(14)  # noqa: S311  the same story each time
    places = iter(NAMES)
    _beginning(desk, table)
    _fleet(desk, table, places, dice)
    _kestrel(desk, table, dice)
    _ampere(desk, table, dice)
    _solveig(desk, table, dice)
    _servers(desk, table)
    _lately(desk, table)
    _seen(desk, table)
    _tagged(desk, table)
    _answered(desk, table)
    _handed_in(desk, table)
    _schedule(desk, table)


def eui(company: Company, number: int) -> str:
    """The EUI of a company's gateway, counted from 0."""
    return f"{company.prefix}{0x1A04 + 89 * number:04X}"


def _beginning(desk: Desk, table: Timetable) -> None:
    server = outside.make_root(
        "Fjordnet Server Root", "Fjordnet", since=table.instant(BEGIN - 30), until=table.instant(9 * YEARS)
    )
    table.at(BEGIN, partial(desk.set_up, INES, cups_trust=server.pem.decode()))
    table.at(BEGIN + 0.05, lambda: desk.invite(TOMAS, by=desk.person(INES)))
    table.at(BEGIN + 0.06, lambda: desk.invite(SIGRID, by=desk.person(INES)))
    table.at(BEGIN + 0.1, desk.connect_store)
    table.at(BEGIN + 1, partial(desk.operate, ROOT, ISSUING, by=INES))
    table.at(BEGIN + 1.1, partial(desk.trust, ISSUING.name, by=TOMAS))
    for company, person, day in zip(COMPANIES, (JONAS, MARA, VERA), (BEGIN + 2, -318, -232), strict=True):
        table.at(day, partial(desk.welcome, company, person, by=INES))


def _fleet(desk: Desk, table: Timetable, places: Iterator[str], dice: random.Random) -> None:
    """Each vendor registers its gateways in a few sittings."""
    for company, person, day in zip(COMPANIES, (JONAS, MARA, VERA), (BEGIN + 3, -316, -230), strict=True):
        for number in range(company.gateways):
            late = number >= company.gateways - 8
            when = (-30 + number % 8 if late else day) + number * MINUTE * dice.uniform(0.8, 1.2)
            model = company.models[number % 3 % len(company.models)]
            table.at(when, partial(desk.register, person, eui(company, number), next(places), model=model))


def _kestrel(desk: Desk, table: Timetable, dice: random.Random) -> None:
    """Sent a good issuing CA at once. Renews most of its gateways in time, and forgets some."""
    root = outside.make_root(
        "Kestrel Root CA", "Kestrel Radio", since=table.instant(-900), until=table.instant(16 * YEARS)
    )
    issuing = outside.make_issuing(
        root, "Kestrel Gateway CA 2", since=table.instant(-600), until=table.instant(8 * YEARS)
    )
    sample = outside.make_leaf(issuing, eui(KESTREL, 0), now=table.instant(BEGIN), lifetime=YEARS * outside.DAY)
    table.at(BEGIN + 4, partial(desk.hand_in, JONAS, issuing, root, leaf=sample))
    table.at(BEGIN + 4.6, partial(desk.prove, JONAS, issuing))
    table.at(BEGIN + 5, partial(desk.approve, issuing.name, by=INES, reason="Proven, and its test leaf is accepted"))
    table.at(BEGIN + 5.1, partial(desk.refuse, root.name, by=INES, reason="Signs no gateway: only CA 2 is needed."))
    table.at(BEGIN + 5.2, partial(desk.trust, issuing.name, by=TOMAS))
    table.at(BEGIN + 5.3, partial(desk.publish, "Kestrel Radio joins", by=TOMAS))
    record = partial(desk.record, JONAS)
    for number in range(42):  # the first wave ended within the last weeks, or was renewed before
        table.at(-YEARS - 24 + number / 2, partial(record, eui(KESTREL, number), issuing))
        if number % 7:
            table.at(-70 + number + dice.random(), partial(record, eui(KESTREL, number), issuing))
    for number in range(42, 92):
        table.at(dice.uniform(-350, -60), partial(record, eui(KESTREL, number), issuing, years=1 + (number % 9 == 0)))
    for number in range(92, 97):
        table.at(-20 + number / 50, partial(record, eui(KESTREL, number), issuing))
    for number, reason in ((44, Signing.Reason.KEY_COMPROMISE), (51, Signing.Reason.CESSATION)):
        table.at(-9 + number / 100, partial(desk.revoke, JONAS, eui(KESTREL, number), reason=reason))


def _ampere(desk: Desk, table: Timetable, dice: random.Random) -> None:
    """Its CA ends in three weeks. The next one is approved and not published yet; a few gateways moved too early."""
    root = outside.make_root(
        "Ampere IoT Root", "Ampere IoT", since=table.instant(-2100), until=table.instant(12 * YEARS)
    )
    old = outside.make_issuing(
        root, "Ampere IoT Gateway CA 2", since=table.instant(21 - 5 * YEARS), until=table.instant(21.3)
    )
    new = outside.make_issuing(root, "Ampere IoT Gateway CA 3", since=table.instant(-16), until=table.instant(2000))
    table.at(-315, partial(desk.hand_in, MARA, old))
    table.at(-314.7, partial(desk.prove, MARA, old))
    why = "All of its gateways are on masts; their certificates come one by one in the next weeks."
    table.at(-314.1, partial(desk.waive, old.name, What.TEST_LEAF, by=TOMAS, reason=why))
    table.at(-314, partial(desk.approve, old.name, by=TOMAS))
    table.at(-313.9, partial(desk.trust, old.name, by=TOMAS))
    table.at(-313.8, partial(desk.publish, "Ampere IoT joins", by=TOMAS))
    for number in range(47):
        table.at(dice.uniform(-310, -190), partial(desk.record, MARA, eui(AMPERE, number), old, years=2))
    table.at(-12.2, partial(desk.hand_in, MARA, new))
    sample = outside.make_leaf(new, eui(AMPERE, 0), now=table.instant(-11.6), lifetime=YEARS * outside.DAY)
    table.at(-11.5, partial(desk.try_leaf, MARA, new.name, sample))
    table.at(-11.4, partial(desk.prove, MARA, new))
    table.at(-10.4, partial(desk.approve, new.name, by=INES))
    table.at(-1.2, partial(desk.trust, new.name, by=INES))
    for number in range(6):
        table.at(-5 + number * 10 * MINUTE, partial(desk.record, MARA, eui(AMPERE, number), new))


def _solveig(desk: Desk, table: Timetable, dice: random.Random) -> None:
    """Sent only its root, so its gateways get their certificates here; its issuing CA came yesterday."""
    root = outside.make_root(
        "Solveig Root", "Solveig Networks", since=table.instant(-700), until=table.instant(15 * YEARS)
    )
    issuing = outside.make_issuing(root, "Solveig Gateway CA 1", since=table.instant(-3), until=table.instant(2900))
    table.at(-229, partial(desk.hand_in, VERA, root))
    why = "This is the root alone: no gateway would be accepted by it. Please send the CA that signs the gateways."
    table.at(-228, partial(desk.refuse, root.name, by=INES, reason=why))
    table.at(-226, partial(desk.let_issue, SOLVEIG, ISSUING.name, automatic=True, by=INES))
    for number in range(20):
        day, days = (dice.uniform(-225, -110), YEARS) if number % 3 else (-84 + number / 2, 90)
        made_here = number in (1, 7)
        table.at(day, partial(desk.request, VERA, eui(SOLVEIG, number), days=days, key_made_here=made_here))
        if made_here:
            table.at(day + 0.1, partial(desk.confirm, VERA, eui(SOLVEIG, number)))
    for number in (0, 3, 6):  # renewed by hand, after a mail said so
        table.at(-12 + number / 4, partial(desk.request, VERA, eui(SOLVEIG, number), days=YEARS))
    euis = [eui(SOLVEIG, number) for number in range(31, 35)]
    table.at(-15, partial(desk.batch, VERA, [*euis, f"{euis[0][:-1]}", eui(KESTREL, 3)], "crate-14.csv"))
    table.at(-14.8, partial(desk.confirm_batch, VERA, "crate-14.csv"))
    reason = Signing.Reason.SUPERSEDED
    table.at(-40, partial(desk.revoke, VERA, eui(SOLVEIG, 8), reason=reason))
    table.at(-9, partial(desk.let_issue, SOLVEIG, ISSUING.name, automatic=False, by=TOMAS))
    table.at(-0.9, partial(desk.hand_in, VERA, issuing))
    table.at(-0.8, partial(desk.ask_for_code, VERA, issuing.name))


def _servers(desk: Desk, table: Timetable) -> None:
    """What gateways connect to; the certificate of the CUPS server is due."""
    table.at(-375, partial(desk.operate_servers, SERVERS, under=ROOT.name, by=INES))
    cups = ("cups.fjordnet.example",)
    lns = ("lns.fjordnet.example", "*.lns.fjordnet.example", "10.20.0.11")
    table.at(-290, partial(desk.certify_server, cups, SERVERS.name, days=YEARS, by=INES))
    table.at(-374, partial(desk.certify_server, lns, SERVERS.name, days=YEARS, by=INES))
    table.at(-41, partial(desk.certify_server, lns, SERVERS.name, days=YEARS, by=TOMAS))
    table.at(
        -3, partial(desk.certify_server, ("mender.fjordnet.example",), SERVERS.name, days=90, by=TOMAS, takes=False)
    )
    local = ("localhost", "127.0.0.1", "::1")
    table.at(-120, partial(desk.certify_server, local, SERVERS.name, days=820, by=TOMAS, profile="development"))


def _lately(desk: Desk, table: Timetable) -> None:
    """What the last days left undone, refused, failed and disputed."""
    _moved_away(desk, table)
    for number, days in ((21, -8.1), (22, -8.0)):
        table.at(days, partial(desk.request, VERA, eui(SOLVEIG, number), days=2 * YEARS))
        why = "Two years are for gateways that nobody can reach. Ask for one."
        table.at(days + 0.3, partial(desk.decline, eui(SOLVEIG, number), by=INES, reason=why))
    table.at(-2.3, partial(desk.request, VERA, eui(SOLVEIG, 23), days=YEARS, key_made_here=True))
    table.at(-2.1, partial(desk.decide, eui(SOLVEIG, 23), by=TOMAS))
    euis = [eui(SOLVEIG, number) for number in (35, 36, 37, 38, 36)]
    table.at(-0.4, partial(desk.batch, VERA, euis, "crate-15.csv"))
    hours = count(1)
    for number in range(24, 29):
        table.at(-1.9 + next(hours) * 0.3, partial(desk.request, VERA, eui(SOLVEIG, number), days=YEARS))
    table.at(-0.2, partial(desk.claim, MARA, eui(KESTREL, 60)))
    for number, name in enumerate(("Lom church", "Vågå silo", "Otta station")):
        bought = partial(desk.ask_outside, VERA, f"647FDAFFFE00A1{0x40 + number:02X}", name, model="Hauk Micro")
        table.at(-0.3 + number * MINUTE, bought)


def _seen(desk: Desk, table: Timetable) -> None:
    """Two vendors' gateways come through a proxy whose log is read each night; of Kestrel's nobody knows."""
    silent = [eui(AMPERE, number) for number in (4, 17, 29)]
    for day in range(9, -1, -1):
        table.at(-day - 0.01, partial(desk.see, SOLVEIG, by=INES))
        table.at(-day - 0.01, partial(desk.see, AMPERE, by=INES, without=silent if day < 6 else ()))


def _tagged(desk: Desk, table: Timetable) -> None:
    for company, person, names in ((KESTREL, JONAS, ("mast", "roof", "tunnel")), (AMPERE, MARA, ("north", "south"))):
        for place, name in enumerate(names):
            euis = [eui(company, number) for number in range(place, company.gateways, len(names))]
            table.at(-4 + place * MINUTE, partial(desk.tag, person, euis, name))


def _handed_in(desk: Desk, table: Timetable) -> None:
    """A file that waits to be agreed to: most of it is new, one line is there twice, one is a MAC address."""
    fresh = [f"{eui(SOLVEIG, 200 + number)},Harbour crane {number + 1},Hauk Maxi" for number in range(9)]
    wrong = [f"{eui(SOLVEIG, 200)},Harbour crane 1,Hauk Maxi", "70:76:FF:02:99:12,Ferry,Hauk Micro"]
    table.at(-0.1, partial(desk.begin_import, VERA, "harbour-2026.csv", ["EUI,Name,Model", *fresh, *wrong]))


def _answered(desk: Desk, table: Timetable) -> None:
    """What people said to alerts: that they see to it, that they look again in some days, that it may end."""
    moving = "CA 3 is approved. The gateways get their new certificates next week."
    table.at(-4, partial(desk.acknowledge, MARA, "Ampere IoT Gateway CA 2", note=moving))
    seen_to = [eui(KESTREL, number) for number in (28, 35)]
    table.at(-3, partial(desk.acknowledge, JONAS, *seen_to, note="A technician is on the way with new certificates."))
    later = "The site is closed until then."
    table.at(-2, partial(desk.snooze, VERA, eui(SOLVEIG, 9), eui(SOLVEIG, 12), days=5, note=later))
    gone = "The mast came down in the storm; Kestrel retires them when the papers are done."
    table.at(-2.5, partial(desk.mute, INES, eui(KESTREL, 0), eui(KESTREL, 7), days=90, reason=gone))


def _moved_away(desk: Desk, table: Timetable) -> None:
    """A gateway that was sold: approved for one vendor, handed over to another before the worker came to it."""
    sold = eui(SOLVEIG, 30)

    def hand_over() -> None:
        dispute = desk.claim(MARA, sold)
        desk.hand_over(dispute, by=INES, reason="Sold to Ampere IoT; both confirmed by phone.")
        desk.issue(sold)

    table.at(-6.2, partial(desk.request, VERA, sold, days=YEARS))
    table.at(-6.0, partial(desk.decide, sold, by=TOMAS, is_issued=False))
    table.at(-5.99, hand_over)


def _schedule(desk: Desk, table: Timetable) -> None:
    """The look for ends, and the tidying of keys."""
    days = [*range(int(BEGIN) + 10, -DAILY_SINCE, 10), *range(-DAILY_SINCE, 1)]
    for day in days:
        table.at(day - 0.02 if day else 0, desk.look_for_ends)
    for day in range(-210, 1, 30):
        table.at(day, desk.tidy)
