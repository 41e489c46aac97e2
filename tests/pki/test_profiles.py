"""What a certificate looks like, by name and version."""

from datetime import timedelta

import pytest

from pki.errors import PkiError
from pki.profiles import GATEWAY_CLIENT, ISSUING, LIFETIMES, ROOT, Profile, get_profile


@pytest.mark.parametrize("profile", [GATEWAY_CLIENT, ROOT, ISSUING])
def test_a_recorded_name_and_version_finds_the_profile_again(profile: Profile) -> None:
    assert get_profile(profile.name, profile.version) is profile


@pytest.mark.parametrize(("name", "version"), [("gateway-client", 2), ("gateway", 1), ("", 0)])
def test_an_unknown_profile_is_named_in_the_error(name: str, version: int) -> None:
    with pytest.raises(PkiError, match=f"{name!r} in version {version}") as refusal:
        get_profile(name, version)
    assert refusal.value.code == "profile-unknown"


def test_a_gateway_gets_ninety_days_one_year_or_two() -> None:
    assert [lifetime.days for lifetime in LIFETIMES] == [90, 365, 730]
    assert GATEWAY_CLIENT.lifetimes == LIFETIMES


@pytest.mark.parametrize("profile", [GATEWAY_CLIENT, ROOT, ISSUING])
def test_lifetimes_are_offered_shortest_first(profile: Profile) -> None:
    assert list(profile.lifetimes) == sorted(profile.lifetimes)
    assert profile.lifetimes[0] > timedelta(0)
