"""Our verdict is The Things Stack's: a table of its surprises, judged by Go itself, and our words about them."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pki.der import SEQUENCE, DerReader, MalformedDer
from pki.findings import Finding, Severity
from pki.preflight import Verdict, preflight, preflight_pem
from tests.pki import makers
from tests.pki.go.cases import CASES, ISSUING, LEAF, ROOT, Case
from tests.pki.go.judge import Judge, Question, start_judge
from tests.pki.makers import EUI, NOW, at, make_issuing, make_leaf

NAMED = [pytest.param(case, id=case.name) for case in CASES]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = start_judge()
    yield judge
    judge.stop()


def decide(case: Case) -> Verdict:
    if not case.pem:
        return preflight(case.leaf_der, eui=case.eui, bundle=[], at=case.at)
    return preflight_pem(case.leaf_der, eui=case.eui, bundle_pem=case.pem, at=case.at)


@pytest.mark.parametrize("case", NAMED)
def test_it_decides_the_known_surprises(case: Case) -> None:
    verdict = decide(case)

    assert (verdict.rule, verdict.accepted) == (case.rule, case.rule == "accepted")


@pytest.mark.parametrize("case", NAMED)
def test_go_decides_the_known_surprises_likewise(case: Case, judge: Judge) -> None:
    assert judge.ask(Question(case.leaf_der, case.eui, case.pem, case.at)).rule == case.rule


@pytest.mark.parametrize("case", NAMED)
def test_every_verdict_is_a_sentence(case: Case) -> None:
    message = decide(case).message

    assert message.endswith(".")
    assert message.isprintable()


def damage(content: bytes, place: int, change: int) -> bytes:
    """One octet changed, taken out or put in."""
    place %= len(content)
    kind, octet = divmod(change, 256)
    if kind == 0:
        return content[:place] + bytes([octet]) + content[place + 1 :]
    return content[:place] + content[place + 1 :] if kind == 1 else content[:place] + bytes([octet]) + content[place:]


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from(CASES),
    damages=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 767)), min_size=1, max_size=3),
    resign=st.booleans(),
)
def test_go_decides_damaged_leaves_likewise(
    case: Case, damages: list[tuple[int, int]], resign: bool, judge: Judge
) -> None:
    leaf = case.leaf_der
    for place, change in damages:
        leaf = damage(leaf, place, change)
    leaf = sign_again(leaf) if resign else leaf
    answer = judge.ask(Question(leaf, case.eui, case.pem or ISSUING.pem, case.at))

    assert preflight_pem(leaf, eui=case.eui, bundle_pem=case.pem or ISSUING.pem, at=case.at).rule == answer.rule


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.sampled_from(CASES), place=st.integers(0, 1 << 16), change=st.integers(0, 767))
@example(case=CASES[0], place=0, change=0)
def test_go_decides_with_damaged_bundles_likewise(case: Case, place: int, change: int, judge: Judge) -> None:
    pem = damage(case.pem or ISSUING.pem, place, change)
    answer = judge.ask(Question(case.leaf_der, case.eui, pem, case.at))

    assert preflight_pem(case.leaf_der, eui=case.eui, bundle_pem=pem, at=case.at).rule == answer.rule


def sign_again(der: bytes) -> bytes:
    """Sign what stands in `der` with the issuing CA's key, so that damage inside gets past the signature."""
    try:
        tbs = DerReader(der).enter().read_element(SEQUENCE).full
    except MalformedDer:
        return der
    algorithm = makers.signature_algorithm(ISSUING.key, hashes.SHA256())
    signature = makers.sign(ISSUING.key, tbs, hashes.SHA256())
    return makers.sequence(tbs, algorithm, makers.bit_string(signature))


def test_a_pem_leaf_is_its_first_block() -> None:
    pem = b"a comment\n" + LEAF.pem + ROOT.pem

    assert preflight(pem, eui=EUI, bundle=[ISSUING.der], at=NOW).accepted


def test_without_an_eui_the_common_name_must_be_one() -> None:
    assert preflight(LEAF.der, eui=None, bundle=[ISSUING.der], at=NOW).accepted
    assert preflight(make_leaf(ISSUING, "gateway").der, eui=None, bundle=[ISSUING.der], at=NOW).rule == "cn_mismatch"


def test_it_names_the_authority_that_signs() -> None:
    assert preflight(LEAF.der, eui=EUI, bundle=[ROOT.der, ISSUING.der], at=NOW).issuer_sha256 == ISSUING.sha256


def test_it_names_the_authority_that_fails() -> None:
    old = make_issuing(ROOT, not_after=at(2026, 2))
    verdict = preflight(make_leaf(old).der, eui=EUI, bundle=[old.der], at=NOW)

    assert (verdict.issuer_sha256, "2026-02-01" in verdict.message) == (old.sha256, True)


def test_a_root_without_its_issuing_ca_is_explained() -> None:
    message = preflight(LEAF.der, eui=EUI, bundle=[ROOT.der], at=NOW).message

    assert "“Acme Gateway CA”" in message
    assert "A root alone is not enough" in message


def test_a_lower_case_eui_is_explained() -> None:
    message = preflight(make_leaf(ISSUING, EUI.lower()).der, eui=EUI, bundle=[ISSUING.der], at=NOW).message

    assert "in upper case" in message


def test_names_out_of_certificates_are_inert() -> None:
    odd = make_issuing(ROOT, "a\r\n\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}b")
    message = preflight(make_leaf(odd).der, eui=EUI, bundle=[ROOT.der], at=NOW).message

    assert message.isprintable()


@pytest.mark.parametrize(
    ("serial", "depends"), [(5, False), (-5, True)], ids=["a usual serial number", "a negative serial number"]
)
def test_it_says_what_depends_on_the_server_version(serial: int, depends: bool) -> None:
    verdict = preflight(make_leaf(ISSUING, serial=serial).der, eui=EUI, bundle=[ISSUING.der], at=NOW)

    assert ("depends_on_server_version" in {each.code for each in verdict.warnings}) is depends


def test_a_required_policy_depends_on_the_server_version() -> None:
    extension = ("2.5.29.36", False, makers.sequence(b"\x80\x01\x00"))
    leaf = make_leaf(ISSUING, extensions=[extension])
    verdict = preflight(leaf.der, eui=EUI, bundle=[ISSUING.der], at=NOW)

    assert (verdict.rule, [each.code for each in verdict.warnings]) == ("policy_missing", ["depends_on_server_version"])


def test_a_weak_key_is_a_warning() -> None:
    leaf = make_leaf(ISSUING, key=makers.rsa_key(1024, "weak"))
    verdict = preflight(leaf.der, eui=EUI, bundle=[ISSUING.der], at=NOW)

    assert (verdict.accepted, [each.code for each in verdict.warnings]) == (True, ["weak_key"])


def test_callers_add_warnings_of_their_own() -> None:
    mine = Finding("not_live", Severity.WARNING, "Published is not live.")
    verdict = preflight(LEAF.der, eui=EUI, bundle=[ISSUING.der], at=NOW).with_warnings([mine])

    assert verdict.warnings == (mine,)
