"""Who may open a page: permission in the view, scope in the queryset."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import rules
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import Role, User
from core.errors import Forbidden

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class SignedInRequest(HttpRequest):
    """The request as a view behind `allowed` sees it."""

    user: User  # nobody anonymous gets here


@rules.predicate  # type: ignore[untyped-decorator]  # rules publishes no types
def is_operator(user: User) -> bool:
    return user.is_active and user.role == Role.OPERATOR


@rules.predicate  # type: ignore[untyped-decorator]  # rules publishes no types
def is_vendor(user: User) -> bool:
    return user.is_active and user.role == Role.VENDOR


@rules.predicate  # type: ignore[untyped-decorator]  # rules publishes no types
def is_auditor(user: User) -> bool:
    return user.is_active and user.role == Role.AUDITOR


# what several packages ask for; each app adds its own in its rules.py
rules.add_perm("read", is_operator | is_vendor | is_auditor)
rules.add_perm("read_all", is_operator | is_auditor)
rules.add_perm("operate", is_operator)
rules.add_perm("hand_in", is_operator | is_vendor)


def allowed(
    permission: str,
) -> Callable[["Callable[Concatenate[SignedInRequest, P], HttpResponseBase]"], "View[P]"]:
    """Let in whom `permission` names: others are asked to sign in, or told that it is not for their role."""

    def decorate(view: Callable[Concatenate[SignedInRequest, P], HttpResponseBase]) -> "View[P]":
        @wraps(view)
        def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise Forbidden("not-for-your-role", "Your role cannot do this. Ask an operator.")
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # login_required made it a SignedInRequest

        return login_required(inner)

    return decorate
