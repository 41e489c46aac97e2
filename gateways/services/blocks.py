"""The blocks of EUIs that vendors own, and whose an EUI is by them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Self

from django.db import transaction

from accounts.models import Deployment, User, Vendor
from audit.services import record
from core.errors import Forbidden, Refused
from gateways.models import EuiBlock
from pki.eui_blocks import Block, InvalidBlock, made_of_macs, read_block

Boundary = tuple[int, int | None]  # from this EUI on, they are in this vendor's block, or in none


class Blocks:
    """All blocks at one moment, for many questions: whose block an EUI lies in."""

    def __init__(self, boundaries: Sequence[Boundary]) -> None:
        self._starts = [start for start, _ in boundaries]
        self._holders = [holder for _, holder in boundaries]

    @classmethod
    def load(cls) -> Self:
        rows = EuiBlock.objects.order_by("first", "bits").values_list("first", "last", "vendor_id")
        return cls(list(_boundaries([(int(first, 16), int(last, 16), vendor) for first, last, vendor in rows])))

    def holder_of(self, eui: str) -> int | None:
        """The vendor of the smallest block around the canonical `eui`, or None."""
        place = bisect_right(self._starts, int(eui, 16)) - 1
        return self._holders[place] if place >= 0 else None


def holder_of(eui: str) -> int | None:
    """The same for one EUI, by one query."""
    return EuiBlock.objects.around(eui, eui).values_list("vendor_id", flat=True).first()


def add_block(
    actor: User, vendor: Vendor, text: str, *, note: str = "", granted: bool = False, with_macs: bool = False
) -> EuiBlock:
    """Write down that `vendor` owns a block. Inside another vendor's block, or around one, it must be `granted`.

    `with_macs` adds the EUIs that are made of the block's MAC addresses, where those lie elsewhere.
    """
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator says whose a block is.")
    block = _read(text)
    twin = made_of_macs(block) if with_macs else None
    with transaction.atomic():
        Deployment.objects.select_for_update().first()  # one at a time: no two overlap
        added = _add(actor, vendor, block, note=note, granted=granted)
        if twin:
            _add(actor, vendor, twin, note=note or f"MAC addresses of {block}", granted=granted)
    return added


def remove_block(block: EuiBlock, *, actor: User) -> None:
    """Forget a block. What was registered in it stays with its owners; what comes is a claim again."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator says whose a block is.")
    with transaction.atomic():
        if block.grants.exists():
            raise Refused("block-has-grants", "Parts of this block were given to other vendors. Remove those first.")
        record(actor, "block.removed", subject=block, vendor_id=block.vendor_id, vendor=block.vendor.name)
        block.delete()


def _read(text: str) -> Block:
    try:
        return read_block(text)
    except InvalidBlock as error:
        raise Refused(error.code, error.message, field="block") from None


def _add(actor: User, vendor: Vendor, block: Block, *, note: str, granted: bool) -> EuiBlock:
    outer = EuiBlock.objects.around(block.first, block.last).select_related("vendor").first()
    inner = EuiBlock.objects.inside(block.first, block.last).exclude(vendor=vendor).select_related("vendor")
    if outer and outer.vendor_id == vendor.pk:
        raise Refused("block-owned", f"{block} lies in {outer}, which {vendor} owns already.", field="block")
    if outer and outer.bits == block.bits:
        raise Refused("block-taken", f"{block} belongs to {outer.vendor}.", field="block")
    if not granted:
        _refuse_overlap(block, outer, inner.first())
    added = EuiBlock(vendor=vendor, first=block.first, last=block.last, bits=block.bits, note=note, added_by=actor)
    added.granted_from = outer
    added.save(force_insert=True)
    inner.filter(granted_from=outer).update(granted_from=added)
    details = {"vendor": vendor.name, "granted_from": str(outer) if outer else ""}
    record(actor, "block.added", subject=added, vendor_id=vendor.pk, **details)
    return added


def _refuse_overlap(block: Block, outer: EuiBlock | None, inner: EuiBlock | None) -> None:
    if outer:
        message = f"{block} lies in {outer} of {outer.vendor}. Tick that {outer.vendor} gave this part away."
        raise Refused("block-overlaps", message, field="granted")
    if inner:
        message = f"{inner} of {inner.vendor} lies in {block}. Tick that {inner.vendor} has it from this vendor."
        raise Refused("block-overlaps", message, field="granted")


def _boundaries(blocks: Sequence[tuple[int, int, int]]) -> Iterator[Boundary]:
    """Where the holder changes. Blocks come by where they begin, the larger first; one lies in the other or beside."""
    around: list[tuple[int, int]] = []  # the blocks that are open, with where each ends
    for first, last, vendor in blocks:
        yield from _closed(around, first)
        around.append((last, vendor))
        yield first, vendor
    yield from _closed(around, 1 << 64)


def _closed(around: list[tuple[int, int]], before: int) -> Iterator[Boundary]:
    """Take away what ends before `before`."""
    while around and around[-1][0] < before:
        last, _ = around.pop()
        yield last + 1, around[-1][1] if around else None
