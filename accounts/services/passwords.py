"""A person's password again, before an act that wants it."""

from django.core.cache import caches

from accounts.models import User
from core.errors import PasswordNeeded, TooMany

TRIES = 5
SECONDS = 300


def confirm_password(user: User, password: str, *, field: str = "password") -> None:
    """Return where `password` is that of `user`; else raise PasswordNeeded, or TooMany after five wrong ones.

    `field` is what the form calls it.
    """
    if not password:
        raise PasswordNeeded("password-needed", "Enter your password again to go on.", field=field)
    tries = caches["process"]  # counts survive the rollback of the transaction that the wrong password stops
    key = f"wrong-password:{user.pk}"
    wrong = tries.get(key, 0)
    if wrong >= TRIES:
        raise TooMany("too-many-tries", "Too many wrong passwords. Wait five minutes and try again.", field=field)
    if not user.check_password(password):
        tries.set(key, wrong + 1, SECONDS)
        raise PasswordNeeded("wrong-password", "That is not your password.", field=field)
    tries.delete(key)
