"""What a lifelike fleet looks like: when each gateway came, which certificates it had, and how they ended."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cas.models import Signing
from certadmin.demonstration.cast import NAMES
from certadmin.demonstration.fleet.world import DAY, Maker, Signer, World, eui
from pki.issuing import BACKDATING

HANDS = (0, *(1,) * 11, *(2,) * 5, *(3,) * 3)  # how many certificates each of twenty gateways had: 30 in all
LIFETIMES, ODDS = (90, 365, 730), (0.1, 0.75, 0.15)  # days
FORGOTTEN = 0.06  # of the gateways that have any: nobody renewed in time
REVOKED = 0.012  # of the certificates
USUAL_DAYS = 365  # of a certificate that was renewed since
SHORTEST = 30 * DAY  # left of a vendor's authority that still signs
UNKNOWN, SILENT = 0.3, 0.02  # of the gateways: never seen by a proxy that tells us, and not seen for weeks
CHECKS_IN = 1  # day between two sightings, about
REASONS = Signing.Reason.values
HARDWARE = ("indoor, 8 channels", "outdoor, 8 channels", "outdoor, 16 channels", "outdoor, 8 channels, LTE backhaul")
TAGS = ("mast", "roof", "tunnel", "street cabinet", "solar", "spare", "pilot")


@dataclass(slots=True)
class PlannedLeaf:
    """A certificate: asked for at `start`, of which `not_before` lies a little before."""

    signer: Signer
    days: int
    start: datetime
    not_after: datetime
    created_at: datetime
    revoked_at: datetime | None = None
    reason: str = ""

    @property
    def not_before(self) -> datetime:
        return self.start - BACKDATING

    @property
    def accepted_until(self) -> datetime:
        return min(self.not_after, self.signer.until)

    @property
    def touched_at(self) -> datetime:
        """When a service last looked what its gateway works by."""
        return self.revoked_at or self.created_at


@dataclass(slots=True)
class PlannedGateway:
    """A gateway with its certificates, the oldest first."""

    eui: str
    name: str
    model: str
    tags: list[str]
    maker: Maker
    registered_at: datetime
    leaves: list[PlannedLeaf]
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def sightings(self) -> int:
        if self.first_seen_at is None or self.last_seen_at is None:
            return 0
        return (self.last_seen_at - self.first_seen_at) // (CHECKS_IN * DAY) + 1

    @property
    def current(self) -> PlannedLeaf | None:
        """What `certificates.services.current` found when the last of its certificates came or was revoked."""
        at = max((leaf.touched_at for leaf in self.leaves), default=None)
        in_force = [
            leaf for leaf in self.leaves if at and not leaf.revoked_at and leaf.not_before <= at < leaf.not_after
        ]
        return max(reversed(in_force), key=lambda leaf: leaf.accepted_until, default=None)


def plan(world: World, first: int, count: int) -> Iterator[PlannedGateway]:
    """The gateways from number `first` on. Each chunk has dice of its own, so that chunks can be made in any order."""
    dice = random.Random(f"{world.seed}/{first}")  # noqa: S311  the same fleet each time
    makers = dice.choices(world.makers, [maker.weight for maker in world.makers], k=count)
    hands = [*HANDS * (count // len(HANDS)), *dice.sample(HANDS, count % len(HANDS))]
    dice.shuffle(hands)
    for number, (maker, hand) in enumerate(zip(makers, hands, strict=True), first):
        yield _gateway(world, maker, number=number, certificates=hand, dice=dice)


def _gateway(world: World, maker: Maker, *, number: int, certificates: int, dice: random.Random) -> PlannedGateway:
    signers = world.operated if dice.random() < maker.issued else maker.own
    leaves = _leaves(world, signers, certificates, dice)
    came = leaves[0].created_at if leaves else world.now - dice.expovariate(1 / 90) * DAY
    planned = PlannedGateway(
        eui=eui(maker.prefix, number),
        name=f"{dice.choice(NAMES)} {number % 900 + 1}",
        model=dice.choice(HARDWARE),
        tags=dice.sample(TAGS, 2),
        maker=maker,
        registered_at=came - dice.uniform(0, 20) * DAY,
        leaves=leaves,
    )
    if leaves and dice.random() > UNKNOWN:
        planned.first_seen_at = min(came + DAY, world.now)
        gone = dice.uniform(20, 90) if dice.random() < SILENT else dice.uniform(0, CHECKS_IN)
        planned.last_seen_at = max(planned.first_seen_at, world.now - gone * DAY)
    return planned


def _leaves(world: World, signers: Sequence[Signer], count: int, dice: random.Random) -> list[PlannedLeaf]:
    """From the latest backwards, each ending about when its successor begins."""
    leaves: list[PlannedLeaf] = []
    for place in range(count):
        days = USUAL_DAYS if place else dice.choices(LIFETIMES, ODDS)[0]
        start = leaves[-1].start + (dice.uniform(-20, 40) - days) * DAY if leaves else _latest(world, days, dice)
        leaves.append(_leaf(world, signers, start=start.replace(microsecond=0), days=days, dice=dice))
    return leaves[::-1]


def _latest(world: World, days: int, dice: random.Random) -> datetime:
    """The newest certificate ends anywhere in its life, or ended within the last year."""
    left = -dice.uniform(0.1, 300) if dice.random() < FORGOTTEN else dice.uniform(0.1, days - 0.1)
    return world.now + (left - days) * DAY


def _leaf(world: World, signers: Sequence[Signer], *, start: datetime, days: int, dice: random.Random) -> PlannedLeaf:
    end = start + days * DAY
    usable = [
        each for each in signers if each.since <= start and each.until >= (end if each.key_id else start + SHORTEST)
    ]
    signer = dice.choice(usable[-2:])
    created = start if signer.key_id else min(start + dice.uniform(0.01, 3) * DAY, world.now)
    leaf = PlannedLeaf(signer, days, start, end, created)
    if dice.random() < REVOKED:
        leaf.revoked_at = created + dice.uniform(0.02, 0.95) * (min(end, world.now) - created)
        leaf.reason = dice.choice(REASONS)
    return leaf
