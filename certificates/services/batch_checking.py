"""Every line of a chunk is looked at before anybody approves it: what is wrong with it is said line by line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from cas.services.profiles import find_profile
from certificates.models import MAX_ATTEMPTS, Chunk, KeyHolder, Line
from certificates.services.batches import settle
from certificates.services.key_holding import OF_AN_AUTHORITY, keys_of_authorities
from certificates.services.policy import refuse_key_type
from core import bulk
from core.errors import Refused
from gateways.models import Dispute, Gateway
from pki.csr import inspect_csr
from pki.errors import PkiError
from pki.eui import is_canonical, read_eui
from pki.findings import Severity
from pki.profiles import Profile

COLUMNS = ("id", "eui", "gateway_id", "public_key", "spki_sha256", "key_type", "code", "words", "csr")
OWNED, DISPUTED, HELD = "no-such-gateway", "gateway-disputed", "key-in-use"
OF_AUTHORITY = "key-of-an-authority"
WORDS = {
    OWNED: "No gateway of this vendor that is in use has this EUI. Register it first.",
    DISPUTED: "Somebody else claims this EUI too. An operator decides who owns it.",
    HELD: "Another gateway uses this key. Make a key on each gateway.",
    OF_AUTHORITY: OF_AN_AUTHORITY,
}


@dataclass(slots=True)
class Seen:
    """What a line turned out to be; `code` and `words` say why it is refused."""

    pk: int
    eui: str = ""
    gateway_id: int | None = None
    public_key: bytes | None = None
    spki_sha256: str = ""
    key_type: str = ""
    code: str = ""
    words: str = ""
    csr: bytes | None = None  # DER, as it is kept with the request

    def refuse(self, code: str, words: str) -> None:
        self.code, self.words = code, words[:500]

    @property
    def row(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)


def check_chunk(chunk_id: int) -> None:
    """Look at each line of a chunk, and write down what it is."""
    owner = Chunk.objects.to_check().claim(chunk_id, seconds=settings.LEASE_SECONDS)
    if owner is None:
        return
    chunk = Chunk.objects.select_related("batch").get(pk=chunk_id)
    if chunk.attempts > MAX_ATTEMPTS:
        _refuse_all(chunk, owner)
    else:
        batch = chunk.batch
        seen = check_lines(batch.vendor_id, chunk.content.all(), find_profile(batch.profile, batch.profile_version))
        _write(chunk, owner, seen)
    settle(chunk.batch_id)


def check_lines(vendor_id: int, lines: Iterable[Line], profile: Profile) -> list[Seen]:
    """Each line for itself, then all of them against what the database knows, in one query for each question."""
    seen = [_look(line, profile) for line in lines]
    judge(vendor_id, [each for each in seen if not each.code])
    return seen


def judge(vendor_id: int, seen: Sequence[Seen]) -> None:
    """Refuse those whose gateway is not the vendor's or is disputed, and those whose key another gateway has."""
    owned = Gateway.objects.filter(vendor=vendor_id, eui__any_of=[each.eui for each in seen])
    gateways = dict(owned.in_use().values_list("eui", "pk"))
    disputed = set(Dispute.objects.open().filter(gateway__any_of=gateways.values()).values_list("gateway", flat=True))
    for each in seen:
        each.gateway_id = gateways.get(each.eui)
        if each.gateway_id is None:
            each.refuse(OWNED, WORDS[OWNED])
        elif each.gateway_id in disputed:
            each.refuse(DISPUTED, WORDS[DISPUTED])
    _refuse_held([each for each in seen if each.spki_sha256 and not each.code])


def _look(line: Line, profile: Profile) -> Seen:
    seen = Seen(line.pk, csr=None if line.csr is None else bytes(line.csr))
    try:
        _look_at_csr(seen, bytes(line.csr), profile) if line.csr is not None else _look_at_eui(seen, line.text)
    except (PkiError, Refused) as error:
        seen.refuse(error.code, error.message)
    return seen


def _look_at_csr(seen: Seen, csr: bytes, profile: Profile) -> None:
    inspected = inspect_csr(csr)
    seen.public_key, seen.key_type = inspected.public_key_der or None, inspected.key_type
    if not inspected.accepted:
        worst = next(each for each in inspected.findings if each.severity is Severity.REFUSED)
        seen.refuse(worst.code, f"{worst.message} {worst.advice}".strip())
        return
    if not is_canonical(inspected.common_name):
        seen.refuse("wrong-name", "Its common name is no EUI: 16 digits 0-9, A-F in upper case.")
        return
    refuse_key_type(inspected.key_type, profile, field="csr")
    seen.eui, seen.spki_sha256, seen.csr = inspected.common_name, inspected.spki_sha256, inspected.csr_der


def _look_at_eui(seen: Seen, text: str) -> None:
    reading = read_eui(text)
    seen.eui = reading.eui
    if reading.question:
        seen.refuse("eui-ambiguous", f"{reading.question} Write all 16 digits: {reading.eui}.")


def _refuse_held(seen: Sequence[Seen]) -> None:
    """Few keys are held by another gateway, and only for these it is asked whether that one needs it."""
    theirs = keys_of_authorities(each.spki_sha256 for each in seen)
    holders = KeyHolder.objects.filter(pk__any_of=[each.spki_sha256 for each in seen])
    held = dict(holders.values_list("spki_sha256", "gateway"))
    for each in seen:
        if each.spki_sha256 in theirs:
            each.refuse(OF_AUTHORITY, WORDS[OF_AUTHORITY])
        if held.get(each.spki_sha256, each.gateway_id) == each.gateway_id or each.public_key is None:
            continue
        if KeyHolder.objects.filter(pk=each.spki_sha256).in_use(each.public_key).exists():
            each.refuse(HELD, WORDS[HELD])


def _write(chunk: Chunk, owner: str, seen: Sequence[Seen]) -> None:
    refused = sum(bool(each.code) for each in seen)
    with transaction.atomic():
        held = Chunk.objects.to_check().held_by(owner).filter(pk=chunk.pk)
        done = {"state": Chunk.State.CHECKED, "refused": refused, "lease_owner": "", "lease_until": None, "attempts": 0}
        if not held.update(**done):
            return
        bulk.update(Line, COLUMNS, [each.row for each in seen])


def _refuse_all(chunk: Chunk, owner: str) -> None:
    """Its lines crash whoever looks at them: they are refused, and the others flow."""
    why = "This line, or one near it, could not be looked at. Ask for this gateway alone."
    _write(
        chunk, owner, [Seen(pk, code="not-readable", words=why) for pk in chunk.content.values_list("pk", flat=True)]
    )
