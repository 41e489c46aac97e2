"""What the check step shows of an upload: the verdict, the chains, and each certificate with what becomes of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cas.chains import authority_style, end_in_words, leaf_label
from core import clock
from core.axis import Span, TimeAxis, draw
from pki.chains import Chain
from pki.facts import CertificateFacts
from pki.findings import refuses
from pki.inspection import InspectedCertificate, Inspection
from pki.roles import Role
from pki.trial import Trial

MOST_ROWS = 24
ON_RECORD = "already-on-record"
Tree = dict[CertificateFacts, "Tree"]


@dataclass(frozen=True, slots=True)
class Headline:
    """The box on top: tone is good, warn or bad. An EUI stands between `text` and `after`."""

    tone: str
    title: str
    text: str
    eui: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate and what happens to it when the upload is handed in."""

    certificate: InspectedCertificate
    tone: str
    fate: str

    @property
    def is_refused(self) -> bool:
        return self.tone == "bad"


@dataclass(frozen=True, slots=True)
class Understood:
    """The page's content. `new` counts the authorities that would be handed in."""

    inspection: Inspection
    headline: Headline
    axis: TimeAxis
    entries: tuple[Entry, ...]

    @property
    def new(self) -> int:
        return sum(each.tone == "good" for each in self.entries)

    @property
    def refused(self) -> int:
        return sum(each.is_refused for each in self.entries)

    @property
    def on_record(self) -> int:
        return sum(each.tone == "idle" for each in self.entries)

    @property
    def leaves(self) -> int:
        return sum(each.tone == "info" for each in self.entries)


def understand(inspection: Inspection) -> Understood:
    """Put an inspection into the order and the words of the page."""
    entries = tuple(_entry(each) for each in inspection.certificates)
    return Understood(inspection, _headline(inspection), _draw(inspection), entries)


def _entry(certificate: InspectedCertificate) -> Entry:
    if refuses(certificate.findings):
        return Entry(certificate, "bad", "Refused")
    if not certificate.is_authority:
        return Entry(certificate, "info", "Test leaf, never trusted")
    if any(finding.code == ON_RECORD for finding in certificate.findings):
        return Entry(certificate, "idle", "On record already")
    return Entry(certificate, "good", "Will be handed in")


def _headline(inspection: Inspection) -> Headline:
    if not inspection.accepted:
        return _refused(inspection)
    failing = [trial for trial in inspection.trials if not trial.verdict.accepted]
    if failing:
        title = "The Things Stack would refuse this gateway"
        return Headline("bad", title, f"{failing[0].leaf.name}: {failing[0].verdict.message}")
    if inspection.trials:
        return _proved(inspection, inspection.trials)
    return _unproved(inspection)


def _refused(inspection: Inspection) -> Headline:
    bad = sum(refuses(each.findings) for each in inspection.certificates)
    title = "Nothing of this can be handed in yet"
    if not bad:
        return Headline("bad", title, "The upload as a whole is refused; what is wrong stands below.")
    which = "One certificate is" if bad == 1 else f"{bad} certificates are"
    text = f"{which} refused, and an upload is taken as a whole. Leave out what is refused, or send it mended."
    return Headline("bad", title, text)


def _proved(inspection: Inspection, trials: Sequence[Trial]) -> Headline:
    issuer = _name_of(inspection, trials[0].verdict.issuer_sha256)
    title = "The Things Stack would accept " + ("this gateway" if len(trials) == 1 else "these gateways")
    after = "connects. A root alone would not be enough: the network server uses no intermediates."
    return Headline("good", title, f"Once {issuer} is in a live release, gateway", trials[0].leaf.name, after)


def _unproved(inspection: Inspection) -> Headline:
    """Without a gateway's certificate nothing shows which authority signs."""
    signing = [each for each in inspection.certificates if each.role is Role.ISSUING]
    if not signing:
        title = "Is this the CA that signs your gateways?"
        text = (
            "Only a root is here. The network server uses no intermediates: where another CA signs your gateways, "
            "it refuses every one of them until that CA is in the release."
        )
        return Headline("warn", title, text)
    title = f"The Things Stack would accept gateways of {signing[0].facts.name}"
    text = "Once it is in a live release. To be sure, add the certificate of one gateway: it is tried, never trusted."
    return Headline("good", title, text)


def _name_of(inspection: Inspection, sha256: str | None) -> str:
    names = (each.facts.name for each in inspection.certificates if each.facts.sha256 == sha256)
    return next(names, "its authority")


def _draw(inspection: Inspection) -> TimeAxis:
    roles = {each.facts.sha256: each.role for each in inspection.certificates}
    rows = list(_walk(_tree(inspection.chains), ()))[:MOST_ROWS]
    return draw([_span(path, roles[path[-1].sha256]) for path in rows], now=clock.now())


def _tree(chains: Iterable[Chain]) -> Tree:
    """Chains that share a beginning share its rows."""
    tree: Tree = {}
    for chain in chains:
        node = tree
        for facts in chain:
            node = node.setdefault(facts, {})
    return tree


def _walk(tree: Tree, above: Chain) -> Iterator[Chain]:
    for facts, below in tree.items():
        yield (*above, facts)
        yield from _walk(below, (*above, facts))


def _span(path: Chain, role: Role) -> Span:
    facts = path[-1]
    if role is Role.TEST_LEAF:
        return _leaf_span(path)
    is_root = facts.is_self_signed
    return Span(
        facts.name,
        f"{'Root' if is_root else 'Issuing'}, {facts.key_type}",
        facts.not_before,
        facts.not_after,
        depth=len(path) - 1,
        style=authority_style(is_root=is_root, end=facts.not_after),
        label="" if is_root and facts.not_after > clock.now() else end_in_words(facts.not_after),
    )


def _leaf_span(path: Chain) -> Span:
    leaf = path[-1]
    issuer_end = path[-2].not_after if len(path) > 1 else leaf.not_after
    return Span(
        leaf.name,
        "Gateway, used as the test leaf",
        leaf.not_before,
        leaf.not_after,
        depth=len(path) - 1,
        style="warn" if leaf.not_after > issuer_end else "",
        label=leaf_label(leaf.not_after, issuer_end),
        is_eui=True,
        void_from=issuer_end,
    )
