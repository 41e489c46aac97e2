"""Signing in and out, and the pages about people and vendors."""

from allauth.account import views as allauth
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def _nothing(request: HttpRequest) -> HttpResponse:
    raise Http404


pages: list[URLPattern] = []

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", allauth.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("password/reset/", allauth.password_reset, name="account_reset_password"),
    path("signup/", _nothing, name="account_signup"),  # the name is asked for by django-allauth
    path("", include((pages, "accounts"))),
]
