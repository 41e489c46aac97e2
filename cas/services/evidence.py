"""What shows that a vendor holds an authority's key, and that its gateways would be accepted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from accounts.models import User
from cas.models import Authority, Proof, TestLeaf, Waiver
from core.errors import Forbidden, Refused

What = Waiver.What
FOUND = "Found in a store: network servers trusted it already, so nothing is asked for."
OPERATED = "Operated here: the key is in the vault, so nothing is asked for."


class State(StrEnum):
    """How one piece of evidence stands."""

    PROVEN = "proven"
    ACCEPTED = "accepted"
    WAIVED = "waived"
    NOT_ASKED = "not asked"
    REFUSED = "refused"
    MISSING = "missing"


OPEN = (State.REFUSED, State.MISSING)


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: since when and by whom; `reason` is the waiver's, the verdict's, or why none is asked.

    `sha256` is that of the certificate that is the evidence, `name` its common name, `rule` the one that decided.
    """

    state: State
    at: datetime | None = None
    by: str = ""
    reason: str = ""
    sha256: str = ""
    name: str = ""
    rule: str = ""
    findings: tuple[dict[str, str], ...] = ()

    @property
    def is_settled(self) -> bool:
        return self.state not in OPEN


MISSING = Piece(State.MISSING)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both pieces of one authority."""

    proof: Piece
    test_leaf: Piece

    @property
    def is_complete(self) -> bool:
        return self.proof.is_settled and self.test_leaf.is_settled

    @property
    def is_asked(self) -> bool:
        return self.proof.state != State.NOT_ASKED

    @property
    def settled(self) -> int:
        return self.proof.is_settled + self.test_leaf.is_settled

    @property
    def missing(self) -> tuple[str, ...]:
        """What stands in the way of approval, in words."""
        words = []
        if not self.proof.is_settled:
            words.append("the proof that the vendor holds its key")
        if self.test_leaf.state == State.REFUSED:
            words.append(f"a test leaf that is accepted ({self.test_leaf.name} was refused)")
        elif not self.test_leaf.is_settled:
            words.append("a test leaf, the certificate of one gateway")
        return tuple(words)


def evidence_of(authority: Authority) -> Evidence:
    """How the evidence of one authority stands, in a constant number of queries."""
    return evidence_of_each([authority])[authority.pk]


def evidence_of_each(authorities: Iterable[Authority]) -> dict[int, Evidence]:
    """How the evidence of each authority stands, by its id; three queries for any number."""
    wanted = list(authorities)
    uploaded = [each.pk for each in wanted if each.is_uploaded]
    kept = _Kept()
    for proof in Proof.objects.filter(authority__in=uploaded).select_related("proven_by").defer("der"):
        kept.proofs[proof.authority_id] = _proven(proof)
    for waiver in Waiver.objects.filter(authority__in=uploaded).select_related("waived_by"):
        kept.waivers[waiver.authority_id, waiver.what] = _waived(waiver)
    for leaf in TestLeaf.objects.tried().filter(authority__in=uploaded).select_related("tried_by").defer("der"):
        kept.leaves[leaf.authority_id].append(_tried(leaf))
    return {each.pk: kept.of(each) if each.is_uploaded else _not_asked(each) for each in wanted}


def certificate_of(authority: Authority, sha256: str) -> bytes | None:
    """The DER of a certificate that was given as evidence for `authority`."""
    proof = Proof.objects.filter(authority=authority, sha256=sha256).first()
    found = proof or TestLeaf.objects.filter(authority=authority, sha256=sha256).first()
    return bytes(found.der) if found else None


def require_evidence(authority: Authority) -> None:
    """Raise Refused `evidence-missing` while something is neither there nor waived."""
    missing = evidence_of(authority).missing
    if missing:
        words = " and ".join(missing)
        message = f"Not yet: {words} {'is' if len(missing) == 1 else 'are'} missing. Ask the vendor, or waive it."
        raise Refused("evidence-missing", message)


def require_hands_on(authority: Authority, actor: User) -> None:
    """Let through whom the authority concerns: its vendor, or an operator on the vendor's behalf."""
    if not (actor.is_operator or (actor.is_vendor and actor.vendor_id == authority.vendor_id)):
        raise Forbidden("not-your-authority", "You can give evidence for your own authorities only.")
    require_asked(authority)


def require_asked(authority: Authority) -> None:
    if not authority.is_uploaded:
        raise Refused("no-evidence-needed", OPERATED if authority.is_operated else FOUND)


def _not_asked(authority: Authority) -> Evidence:
    piece = Piece(State.NOT_ASKED, reason=OPERATED if authority.is_operated else FOUND)
    return Evidence(piece, piece)


@dataclass(slots=True)
class _Kept:
    """What is on record, by authority."""

    proofs: dict[int, Piece] = field(default_factory=dict)
    waivers: dict[tuple[int, str], Piece] = field(default_factory=dict)
    leaves: dict[int, list[Piece]] = field(default_factory=lambda: defaultdict(list))

    def of(self, authority: Authority) -> Evidence:
        """What was shown counts more than what was waived, and that more than what failed."""
        pk = authority.pk
        tried = self.leaves[pk]
        accepted = next((each for each in tried if each.state == State.ACCEPTED), None)
        refused = tried[0] if tried else MISSING
        return Evidence(
            proof=self.proofs.get(pk) or self.waivers.get((pk, What.PROOF)) or MISSING,
            test_leaf=accepted or self.waivers.get((pk, What.TEST_LEAF)) or refused,
        )


def _proven(proof: Proof) -> Piece:
    return Piece(
        State.PROVEN,
        at=proof.proven_at,
        by=_name(proof.proven_by),
        sha256=proof.sha256,
        findings=tuple(proof.findings),
    )


def _tried(leaf: TestLeaf) -> Piece:
    return Piece(
        State.ACCEPTED if leaf.accepted else State.REFUSED,
        at=leaf.tried_at,
        by=_name(leaf.tried_by),
        reason=leaf.message,
        sha256=leaf.sha256,
        name=leaf.name,
        rule=leaf.rule,
        findings=tuple(leaf.findings),
    )


def _waived(waiver: Waiver) -> Piece:
    return Piece(State.WAIVED, at=waiver.waived_at, by=_name(waiver.waived_by), reason=waiver.reason)


def _name(person: User | None) -> str:
    return person.name if person else ""
