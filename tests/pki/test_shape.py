"""A filled shape is, octet for octet, what `prepare` makes and lints one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.issuing import Template, new_serial, prepare
from pki.profiles import GATEWAY_CLIENT
from pki.shape import Shapes
from tests.pki.makers import Made, curve_key, make_issuing, make_root, p256_key, public_der, rsa_key

ROOT = make_root(not_after=datetime(2070, 1, 1, tzinfo=UTC))
ISSUERS = {
    "P-256": make_issuing(ROOT, "P-256 CA", not_after=datetime(2069, 1, 1, tzinfo=UTC)),
    "P-384": make_issuing(ROOT, "P-384 CA", key=curve_key(ec.SECP384R1), not_after=datetime(2069, 1, 1, tzinfo=UTC)),
    "RSA": make_issuing(ROOT, "RSA CA", key=rsa_key(), not_after=datetime(2069, 1, 1, tzinfo=UTC)),
}
KEYS = {
    "P-256": lambda label: public_der(p256_key(label)),
    "P-384": lambda label: public_der(curve_key(ec.SECP384R1, label)),
    "RSA 2048": lambda label: public_der(rsa_key(2048, label)),
}


def prepared(issuer: Made, eui: str, spki: bytes, serial: int, begin: datetime, end: datetime) -> tuple[bytes, str]:
    twin = prepare(
        Template(
            profile=GATEWAY_CLIENT,
            common_name=eui,
            public_key_der=spki,
            serial=serial,
            not_before=begin,
            not_after=end,
            issuer_der=issuer.der,
        )
    )
    return twin.tbs, twin.signature_algorithm


@pytest.mark.parametrize("signer", ISSUERS)
@pytest.mark.parametrize("kind", KEYS)
def test_the_second_of_a_shape_equals_what_is_made_one_by_one(signer: str, kind: str) -> None:
    shapes = Shapes(ISSUERS[signer].der, GATEWAY_CLIENT)
    begin = datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
    for number, label in enumerate(("first", "second")):
        spki, eui, serial = KEYS[kind](label), f"58A0CBFFFE8011D{number}", new_serial()
        end = begin + timedelta(days=365 + number)
        filled = shapes.fill(eui=eui, serial=serial, not_before=begin, not_after=end, spki=spki)
        one_by_one = prepared(ISSUERS[signer], eui, spki, serial, begin, end)
        assert (filled.tbs, filled.signature_algorithm) == one_by_one


BEGINS = datetime(2026, 2, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 40 * 365 * 86400).map(lambda seconds: BEGINS + timedelta(seconds=seconds))
SHAPES = Shapes(ISSUERS["P-256"].der, GATEWAY_CLIENT)
SPKIS = [public_der(ec.generate_private_key(ec.SECP256R1())) for _ in range(20)]


@settings(max_examples=60, deadline=None)
@given(begin=INSTANTS, days=st.integers(1, 730), eui=st.integers(0, 2**64 - 1), spki=st.sampled_from(SPKIS))
def test_any_certificate_equals_what_is_made_one_by_one(begin: datetime, days: int, eui: int, spki: bytes) -> None:
    """Also across the year 2050, where times are written otherwise."""
    end, serial = begin + timedelta(days=days), new_serial()
    filled = SHAPES.fill(eui=f"{eui:016X}", serial=serial, not_before=begin, not_after=end, spki=spki)
    assert filled.tbs == prepared(ISSUERS["P-256"], f"{eui:016X}", spki, serial, begin, end)[0]


def test_what_is_refused_one_by_one_is_refused_for_a_shape() -> None:
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    with pytest.raises(PkiError, match="at most 730 days"):
        Shapes(ISSUERS["P-256"].der, GATEWAY_CLIENT).fill(
            eui="58A0CBFFFE8011D4",
            serial=new_serial(),
            not_before=begin,
            not_after=begin + timedelta(days=800),
            spki=SPKIS[0],
        )
