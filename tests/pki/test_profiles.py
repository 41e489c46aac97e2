"""What a certificate looks like, and what it must not look like."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pki.errors import PkiError
from pki.profiles import (
    DAYS_90,
    FIXED,
    GATEWAY_CLIENT,
    ISSUING,
    LIFETIMES,
    ONE_YEAR,
    ROOT,
    SHIPPED,
    TLS_SERVER,
    Profile,
    from_content,
    refuse_profile,
    to_content,
)


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_what_is_written_down_of_a_profile_is_all_of_it(profile: Profile) -> None:
    content = json.loads(json.dumps(to_content(profile)))
    assert from_content(profile.name, profile.version, content) == profile


@pytest.mark.parametrize("profile", [each for each in SHIPPED if each.name not in FIXED], ids=lambda each: each.name)
def test_the_shipped_profiles_are_ones_that_could_be_made(profile: Profile) -> None:
    refuse_profile(profile)


@pytest.mark.parametrize(
    ("profile", "change", "code"),
    [
        (GATEWAY_CLIENT, {"name": "Gateway"}, "profile-name-refused"),
        (GATEWAY_CLIENT, {"name": "x" * 41}, "profile-name-refused"),
        (GATEWAY_CLIENT, {"key_types": frozenset()}, "key-type-refused"),
        (GATEWAY_CLIENT, {"key_types": frozenset({"RSA 1024"})}, "key-type-refused"),
        (GATEWAY_CLIENT, {"lifetimes": ()}, "lifetime-refused"),
        (GATEWAY_CLIENT, {"lifetimes": (ONE_YEAR, DAYS_90)}, "lifetime-refused"),
        (GATEWAY_CLIENT, {"lifetimes": (11 * ONE_YEAR,)}, "lifetime-refused"),
        (GATEWAY_CLIENT, {"renew_at": 100}, "renewal-refused"),
        (GATEWAY_CLIENT, {"key_usage": frozenset({"keyCertSign", "digitalSignature"})}, "key-usage-refused"),
        (GATEWAY_CLIENT, {"key_usage": frozenset()}, "key-usage-refused"),
        (GATEWAY_CLIENT, {"key_usage": frozenset({"digitalSignature", "keyEncipherment"})}, "key-usage-refused"),
        (TLS_SERVER, {"key_usage": frozenset({"digitalSignature", "keyAgreement"})}, "key-usage-refused"),
        (GATEWAY_CLIENT, {"extended_key_usage": frozenset({"serverAuth"})}, "usage-refused"),
        (GATEWAY_CLIENT, {"extended_key_usage": frozenset({"clientAuth", "OCSPSigning"})}, "usage-refused"),
        (TLS_SERVER, {"extended_key_usage": frozenset({"clientAuth"})}, "usage-refused"),
        (ISSUING, {"name": "another-issuing"}, "profile-name-refused"),
        (ISSUING, {"key_usage": frozenset({"keyCertSign"})}, "key-usage-refused"),
        (ISSUING, {"path_length": 9}, "path-length-refused"),
        (ROOT, {"lifetimes": (50 * ONE_YEAR,)}, "lifetime-refused"),
    ],
)
def test_a_profile_that_nobody_should_use_is_refused(profile: Profile, change: dict[str, Any], code: str) -> None:
    with pytest.raises(PkiError) as refusal:
        refuse_profile(replace(profile, **change))
    assert refusal.value.code == code


def test_a_gateway_gets_ninety_days_one_year_or_two() -> None:
    assert [lifetime.days for lifetime in LIFETIMES] == [90, 365, 730]
    assert GATEWAY_CLIENT.lifetimes == LIFETIMES


@pytest.mark.parametrize("profile", [GATEWAY_CLIENT, ROOT, ISSUING])
def test_lifetimes_are_offered_shortest_first(profile: Profile) -> None:
    assert list(profile.lifetimes) == sorted(profile.lifetimes)
    assert profile.lifetimes[0] > timedelta(0)
