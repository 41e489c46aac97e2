"""Which profiles there are, and new versions of them."""

from dataclasses import replace

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import record
from cas.profile_models import ProfileVersion
from core.errors import Forbidden, Refused
from pki.errors import PkiError
from pki.profiles import FIXED, SHIPPED, Naming, Profile, refuse_profile, to_content

_SHIPPED = {profile.name: profile for profile in SHIPPED}
_FIELDS = {
    "profile-name-refused": "name",
    "key-type-refused": "key_types",
    "lifetime-refused": "lifetimes",
    "renewal-refused": "renew_at",
    "key-usage-refused": "key_usage",
    "usage-refused": "extended_key_usage",
    "path-length-refused": "path_length",
}


def find_profile(name: str, version: int) -> Profile:
    """The profile that a row recorded; raises PkiError for one that is not known here."""
    shipped = _SHIPPED.get(name)
    if shipped and shipped.version == version:
        return shipped
    made = ProfileVersion.objects.filter(name=name, version=version).first()
    if made is None:
        raise PkiError("profile-unknown", f"There is no profile {name!r} in version {version}.")
    return made.profile


def current_profile(name: str) -> Profile:
    """The newest version; raises PkiError for a name that is not known here."""
    newest = ProfileVersion.objects.filter(name=name).order_by("-version").first()
    if newest is not None:
        return newest.profile
    return find_profile(name, 1)


def current_profiles() -> list[Profile]:
    """The newest version of each: the shipped ones first, then by name."""
    newest: dict[str, Profile] = dict(_SHIPPED)
    for row in ProfileVersion.objects.order_by("name", "version"):
        newest[row.name] = row.profile
    return list(newest.values())


def offered(naming: Naming) -> list[Profile]:
    """Those that name like this, and that new certificates may be made of."""
    return [profile for profile in current_profiles() if profile.naming == naming and profile.is_offered]


def save_profile(actor: User, profile: Profile, *, note: str = "", seen: int | None = None) -> Profile:
    """Make `profile` the next version of its name, whatever version it says; return it with its number. `seen` is the
    newest version that `actor` knows of, 0 for a name that is new to them.

    What names it gives, and whether it is an authority's, stays for good: certificates of one name are of one kind.
    """
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides what certificates look like.")
    try:
        refuse_profile(profile)
    except PkiError as error:
        raise Refused(error.code, error.message, field=_FIELDS.get(error.code)) from error
    try:
        with transaction.atomic():
            return _next(actor, profile, note, seen)
    except IntegrityError:
        raise _changed() from None


def versions_of(name: str) -> list[tuple[Profile, ProfileVersion | None]]:
    """Each version with who made it, the newest first; a shipped one was made by nobody here."""
    made: list[tuple[Profile, ProfileVersion | None]] = [
        (row.profile, row)
        for row in ProfileVersion.objects.filter(name=name).select_related("made_by").order_by("-version")
    ]
    return [*made, *((each, None) for each in SHIPPED if each.name == name)]


def _next(actor: User, profile: Profile, note: str, seen: int | None) -> Profile:
    before = next((each for each, _ in versions_of(profile.name)), None)
    if before is not None:
        _refuse_taken(before, seen)
        _refuse_other_kind(before, profile)
    made = replace(profile, version=before.version + 1 if before else 1)
    if before is not None and to_content(before) == to_content(made):
        raise Refused("profile-same", f"This is what version {before.version} says already. Nothing was changed.")
    if before is not None and seen not in (None, before.version):
        raise _changed()
    row = ProfileVersion.objects.create(
        name=made.name, version=made.version, content=to_content(made), note=note[:300], made_by=actor
    )
    record(actor, "profile.changed" if before else "profile.made", subject=row, version=made.version, **row.content)
    return made


def _refuse_taken(before: Profile, seen: int | None) -> None:
    if seen == 0:
        message = f"There is a profile {before.name} already. Change that one, or choose another name."
        raise Refused("profile-name-taken", message, field="name")


def _changed() -> Refused:
    return Refused("profile-changed", "Somebody else has just changed this profile. Look at it, and change it again.")


def _refuse_other_kind(before: Profile, after: Profile) -> None:
    if before.name in FIXED:
        raise Refused("profile-fixed", f"{before.name} is as RFC 6960 wants it, and cannot be changed.")
    kinds = [(each.naming, each.is_ca, each.is_self_signed) for each in (before, after)]
    if kinds[0] != kinds[1]:
        message = f"{before.name} is a profile of another kind. Give this one a name of its own."
        raise Refused("profile-kind", message, field="name")
