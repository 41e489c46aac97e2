"""Lists of what our authorities revoked: made when something is revoked and at half the life of the last one.

Revoked certificates wait as rows of the register that are not listed yet. Their entries go onto pages, in lots that
each commit; a list is a row that names pages and the digest of all of it. That row is committed, then the key signs the
digest, and the use of the key is counted in the transaction that keeps the signature. Only who holds the lease of the
authority does any of it; a list that somebody left unsigned is signed before anything else happens.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from cas.models import Authority, ListPage, RevocationList, Signing
from cas.services.status_services import Held, holding
from core import clock
from core.errors import Refused
from core.leases import TakenOver
from keys import services as vault
from pki import crl
from pki.certificate_template import BACKDATING
from pki.signatures import algorithm_named, is_signed_by_digest, read_public_key

PAGE_SIZE = 256 * 1024  # octets
LOT = 5000  # revocations that one transaction puts onto pages
READ_AT_ONCE = 4  # pages
RETIRED_FOR = timedelta(days=1)  # as long as somebody may still be reading a list of before


def renew_list(authority_id: int) -> RevocationList | None:
    """Make the authority's next list where one is due; return it, or None. Runs outside of transactions.

    May run twice, late, or on two machines at once.
    """
    with holding(authority_id) as held:
        try:
            return _renew(held) if held else None
        except TakenOver:
            return None


def newest_list(authority: Authority) -> RevocationList | None:
    """The list that is given out."""
    return RevocationList.objects.signed().filter(authority=authority).newest_first().first()


def pieces(row: RevocationList) -> Iterator[bytes]:
    """The DER of a signed list, a few pages at a time."""
    closing = crl.closing(algorithm_named(row.signature_algorithm), bytes(row.signature or b""))
    yield crl.opening(row.size, len(closing)) + bytes(row.head)
    yield from page_contents(row.pages)
    yield bytes(row.tail) + closing


def length(row: RevocationList) -> int:
    """Octets of the DER of a signed list."""
    closing = crl.closing(algorithm_named(row.signature_algorithm), bytes(row.signature or b""))
    return len(crl.opening(row.size, len(closing))) + row.size + len(closing)


def forget_retired_pages() -> None:
    """Pages that no list of today names are not kept for ever."""
    ListPage.objects.retired_before(clock.now() - RETIRED_FOR).delete()


def _renew(held: Held) -> RevocationList | None:
    lists = RevocationList.objects.filter(authority=held.authority).newest_first()
    for unsigned in lists.unsigned():
        _sign(unsigned, held)
    last = lists.signed().first()
    is_scheduled = last is None or last.half_life <= clock.now()
    if not (is_scheduled or _waiting(held.authority).exists()):
        return None
    if last is not None and is_scheduled:
        _drop_ended(held, last)
    _put_on_pages(held)
    return _sign(_reserve(held, last), held)


def _waiting(authority: Authority) -> "QuerySet[Signing]":
    return Signing.objects.to_be_listed().filter(issuer=authority)


def _put_on_pages(held: Held) -> None:
    while True:
        with transaction.atomic():
            held.prolong()
            lot = list(_waiting(held.authority).order_by("pk").only(*_ENTRY)[:LOT])
            if not lot:
                return
            _append(held.authority, [(_entry(each), each.not_after) for each in lot])
            Signing.objects.filter(pk__in=[each.pk for each in lot]).update(is_listed=True)


_ENTRY = ("serial", "revoked_at", "revocation_reason", "not_after")


def _entry(row: Signing) -> bytes:
    if row.revoked_at is None:
        raise AssertionError("only what is revoked waits")
    return crl.entry(int(row.serial, 16), row.revoked_at, row.revocation_reason or "unspecified")


def _append(authority: Authority, entries: Sequence[tuple[bytes, datetime]]) -> None:
    """Fill the last page, then new ones."""
    page = ListPage.objects.current(authority.pk).last()
    rest = list(entries)
    while rest:
        if page is None or page.size >= PAGE_SIZE:
            page = ListPage(authority=authority, entries=b"", size=0, count=0, earliest_end=rest[0][1])
        rest = _fill(page, rest)


def _fill(page: ListPage, entries: list[tuple[bytes, datetime]]) -> list[tuple[bytes, datetime]]:
    """Write as many as the page takes; return the others."""
    taken, size = 0, page.size
    while taken < len(entries) and size < PAGE_SIZE:
        size += len(entries[taken][0])
        taken += 1
    page.entries = bytes(page.entries) + b"".join(der for der, _ in entries[:taken])
    page.size, page.count = size, page.count + taken
    page.earliest_end = min(page.earliest_end, *(end for _, end in entries[:taken]))
    page.save()
    return entries[taken:]


def _drop_ended(held: Held, last: RevocationList) -> None:
    """An entry leaves once a list that was made after its certificate's end has named it (RFC 5280 section 3.3)."""
    named = dict(last.pages)
    for page in ListPage.objects.current(held.authority.pk).with_ended(last.this_update).filter(pk__in=named):
        with transaction.atomic():
            held.prolong()
            _rewrite(page, ended_before=last.this_update, named=named[page.pk])


def _rewrite(page: ListPage, *, ended_before: datetime, named: int) -> None:
    """A new page without what ended; of the old one, its first `named` octets were on the last list."""
    found = list(crl.split(bytes(page.entries)))
    # by the key, with which serial numbers have an index
    rows = Signing.objects.filter(key=page.authority.key_id, serial__in=[f"{serial:x}" for serial, _ in found])
    ends = dict(rows.values_list("serial", "not_after"))
    kept: list[tuple[bytes, datetime]] = []
    at = 0
    for serial, der in found:
        end = ends[f"{serial:x}"]
        if end >= ended_before or at >= named:
            kept.append((der, end))
        at += len(der)
    if len(kept) == len(found):
        return
    page.retired_at = clock.now()
    page.save(update_fields=["retired_at"])
    if kept:
        _fill(ListPage(authority_id=page.authority_id, entries=b"", size=0, count=0, earliest_end=kept[0][1]), kept)


def _reserve(held: Held, last: RevocationList | None) -> RevocationList:
    """Commit what will be signed: the pages, and the digest over all of it (G1). The number is at least the time in
    seconds: after a restore from a backup it is higher than any that was given out meanwhile."""
    now = clock.now()
    key, issuer = held.authority.key, crl.issuer_of(bytes(held.authority.der))
    if key is None:
        raise Refused("authority-without-key", "The authority is not operated here. Nothing was signed.")
    number = max(last.number + 1 if last else 1, int(now.timestamp()))
    with transaction.atomic(durable=True):
        held.prolong()
        pages = list(ListPage.objects.current(held.authority.pk).values_list("pk", "size", "count"))
        this_update, next_update = _times(now)
        frame = crl.frame(
            issuer,
            number=number,
            this_update=this_update,
            next_update=next_update,
            entries_size=sum(size for _, size, _ in pages),
        )
        return RevocationList.objects.create(
            authority=held.authority,
            key=key,
            number=number,
            this_update=this_update,
            next_update=next_update,
            entries=sum(count for _, _, count in pages),
            pages=[[pk, size] for pk, size, _ in pages],
            head=frame.head,
            tail=frame.tail,
            size=frame.size,
            tbs_digest=_digest(frame, issuer, pages).hex(),
            signature_algorithm=frame.algorithm,
        )


def _times(now: datetime) -> tuple[datetime, datetime]:
    """From a little ago, for clocks that are behind, to the end of its life."""
    start = now.replace(microsecond=0)
    return start - BACKDATING, start + timedelta(hours=settings.CRL_HOURS)


def _digest(frame: crl.Frame, issuer: crl.Issuer, pages: Sequence[tuple[int, int, int]]) -> bytes:
    digest = crl.SigningHash(issuer.algorithm)
    digest.update(frame.head)
    for content in page_contents([(pk, size) for pk, size, _ in pages]):
        digest.update(content)
    digest.update(frame.tail)
    if digest.size != frame.size:
        raise Refused("list-differs", "The pages of the list are not as long as they say. Nothing was signed.")
    return digest.digest()


def page_contents(pages: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """What stands on these pages, in this order, a few in memory at a time."""
    for start in range(0, len(pages), READ_AT_ONCE):
        wanted = pages[start : start + READ_AT_ONCE]
        contents = dict(ListPage.objects.filter(pk__in=[pk for pk, _ in wanted]).values_list("pk", "entries"))
        for pk, size in wanted:
            yield bytes(contents[pk])[:size]


def _sign(row: RevocationList, held: Held) -> RevocationList:
    """Sign the digest that is on record, and keep the signature in the transaction that counts the use of the key."""
    digest = bytes.fromhex(row.tbs_digest)
    with transaction.atomic(durable=True):
        held.prolong()
        signature = vault.sign_digest(row.key_id, digest)
        public_key = read_public_key(vault.public_key(row.key_id))
        if not is_signed_by_digest(public_key, signature=signature, digest=digest):
            raise Refused("signature-wrong", "The signature does not belong to this list and its authority.")
        signed = {"signature": signature, "signed_at": clock.now()}
        if not RevocationList.objects.unsigned().filter(pk=row.pk).update(**signed):
            raise TakenOver
    row.refresh_from_db()
    return row
