"""Tags on gateways: a vendor's words, put on one gateway or on many at once."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from accounts.models import User, Vendor
from audit.services import record
from core.errors import Forbidden, Refused
from core.logs import one_line
from gateways import bulk
from gateways.models import Gateway, GatewayQuerySet, Tag

MOST = 200_000  # gateways at once: some seconds
MOST_TAGS = 20  # of one gateway, or in one act
LONGEST = 40
CHUNK = 5_000
SAMPLE = 8


@dataclass(frozen=True, slots=True)
class Preview:
    """How many gateways an act would touch, some of them, and the tags that they have by now, the usual ones first."""

    count: int
    is_too_many: bool
    sample: tuple[Gateway, ...]
    tags: tuple[tuple[str, int], ...]


def read_tags(text: str, *, field: str = "tags") -> list[str]:
    """The tags in `text`, between commas: each once, whatever its case. Raises Refused."""
    names = (" ".join(part.split()) for part in text.split(","))
    found = list({name.casefold(): name for name in names if name}.values())
    if len(found) > MOST_TAGS:
        raise Refused("too-many-tags", f"At most {MOST_TAGS} tags.", field=field)
    for name in found:
        if len(name) > LONGEST:
            raise Refused("tag-too-long", f"A tag has at most {LONGEST} characters: {name[:20]}…", field=field)
        if one_line(name) != name:
            raise Refused("tag-not-printable", "A tag holds a character that cannot be shown.", field=field)
    return found


def preview(chosen: GatewayQuerySet) -> Preview:
    """What tagging `chosen` touches."""
    count = chosen.order_by()[: MOST + 1].count()
    sample = chosen.order_by("eui").only("eui", "name")[:SAMPLE]
    tags = _in_use(chosen) if count <= MOST else []
    return Preview(min(count, MOST), count > MOST, tuple(sample), tuple(tags))


def tag_many(chosen: GatewayQuerySet, *, actor: User, add: Sequence[str], remove: Sequence[str]) -> int:
    """Put the tags of `add` on all gateways of `chosen`, and take those of `remove` off them: all or nothing. Each
    vendor's record tells it once, with a hash over the EUIs. Returns how many gateways there were."""
    if not add and not remove:
        raise Refused("tags-needed", "Write a tag to put on them, or one to take off.", field="add")
    if both := _folded(add) & _folded(remove):
        raise Refused("tag-on-and-off", f"{', '.join(sorted(both))}: either put it on or take it off.", field="remove")
    with transaction.atomic():
        members = _members(chosen)
        if not actor.is_operator and set(members) - {actor.vendor_id}:
            raise Forbidden("not-your-gateway", "You can tag your own gateways only.")
        for vendor_id, gateways in members.items():
            _put_on(vendor_id, gateways, add)
            _take_off(vendor_id, gateways, remove)
            _tell(actor, vendor_id, gateways, add, remove)
        forget_unused(members, remove)
    return sum(map(len, members.values()))


def set_tags(gateway: Gateway, names: Sequence[str]) -> None:
    """Let a gateway have exactly these tags, in the caller's transaction; what is said of it is the caller's."""
    before, member = list(gateway.tags.values_list("name", flat=True)), [(gateway.pk, gateway.eui)]
    gone = [name for name in before if name.casefold() not in _folded(names)]
    _put_on(gateway.vendor_id, member, [name for name in names if name.casefold() not in _folded(before)])
    _take_off(gateway.vendor_id, member, gone)
    forget_unused([gateway.vendor_id], gone)


def forget_unused(vendors: Iterable[int], names: Sequence[str]) -> None:
    """Delete those of these tags that no gateway has any more: nobody looks for them."""
    if names:
        used = Gateway.tags.through.objects.filter(tag_id=OuterRef("pk"))
        Tag.objects.named(names).filter(~Exists(used), vendor__in=list(vendors)).delete()


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


Members = Sequence[tuple[int, str]]  # ids and EUIs


def _members(chosen: GatewayQuerySet) -> dict[int, list[tuple[int, str]]]:
    """Those that are meant, by vendor, in the order of their EUIs."""
    found: dict[int, list[tuple[int, str]]] = {}
    rows = chosen.order_by("eui").values_list("pk", "eui", "vendor_id")[: MOST + 1]
    for pk, eui, vendor_id in rows:
        found.setdefault(vendor_id, []).append((pk, eui))
    count = sum(map(len, found.values()))
    if count > MOST:
        raise Refused("too-many", f"At most {MOST:,} gateways are tagged at once. Narrow the filter.")
    if not count:
        raise Refused("nothing-left", "Nothing fits this filter any more.")
    return found


def _put_on(vendor_id: int, gateways: Members, names: Sequence[str]) -> None:
    for name in names:
        known = Tag.objects.named([name]).filter(vendor_id=vendor_id).first()
        tag = known or Tag.objects.get_or_create(vendor_id=vendor_id, name=name)[0]
        for part in _parts(gateways):
            # whose vendor changed meanwhile gets none of the former one's tags
            owned = Gateway.objects.filter(pk__any_of=part, vendor_id=vendor_id)
            list(owned.order_by("pk").select_for_update().values_list("pk"))
            bulk.tag(owned.values("pk"), tag.pk, through=Gateway.tags.through._meta.db_table)


def _take_off(vendor_id: int, gateways: Members, names: Sequence[str]) -> None:
    tags = list(Tag.objects.named(names).filter(vendor_id=vendor_id).values_list("pk", flat=True))
    if tags:
        for part in _parts(gateways):
            Gateway.tags.through.objects.filter(gateway__any_of=part, tag_id__in=tags).delete()


def _parts(gateways: Members) -> Iterable[list[int]]:
    for first in range(0, len(gateways), CHUNK):
        yield [pk for pk, _ in gateways[first : first + CHUNK]]


def _tell(actor: User, vendor_id: int, gateways: Members, add: Sequence[str], remove: Sequence[str]) -> None:
    digest = hashlib.sha256("\n".join(eui for _, eui in gateways).encode()).hexdigest()
    signs = [f"+{name}" for name in add] + [f"-{name}" for name in remove]
    details = {"count": len(gateways), "tags": ", ".join(signs), "members_sha256": digest}
    record(actor, "gateways.tagged", subject=Vendor.objects.get(pk=vendor_id), vendor_id=vendor_id, **details)


def _in_use(chosen: GatewayQuerySet) -> list[tuple[str, int]]:
    through = Gateway.tags.through.objects.filter(gateway__in=chosen.order_by().values("pk"))
    counted = through.values_list("tag__name").annotate(Count("pk"))
    return sorted(counted, key=lambda row: (-row[1], row[0]))[:MOST_TAGS]
