"""Signing in and out, and the pages about people and vendors. Every other address of django-allauth is a 404."""

from allauth.account import views as allauth
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.views import entrance, people, tokens, vendors


def _nothing(request: HttpRequest) -> HttpResponse:
    raise Http404


pages: list[URLPattern] = [
    path("setup/<str:token>/", entrance.set_up, name="setup"),
    path("invitations/<str:token>/", entrance.accept, name="accept"),
    path("vendors/", vendors.list_vendors, name="vendors"),
    path("vendors/new/", vendors.create, name="new_vendor"),
    path("vendors/<int:pk>/", vendors.detail, name="vendor"),
    path("vendors/<int:pk>/edit/", vendors.edit, name="edit_vendor"),
    path("vendors/<int:pk>/invite/", vendors.invite, name="invite"),
    path("vendors/<int:pk>/contacts/", vendors.add_contact, name="add_contact"),
    path("vendors/<int:pk>/contacts/<int:contact_pk>/remove/", vendors.remove_contact, name="remove_contact"),
    path("settings/", people.settings, name="settings"),
    path("settings/invite/", people.invite, name="invite_staff"),
    path("settings/invitations/<int:pk>/revoke/", vendors.revoke_invitation, name="revoke_invitation"),
    path("settings/invitations/<int:pk>/again/", vendors.invite_again, name="invite_again"),
    path("settings/people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("settings/people/<int:pk>/activate/", people.activate, name="activate"),
    path("settings/tokens/", tokens.all_tokens, name="all_tokens"),
    path("account/", people.account, name="account"),
    path("account/tokens/", tokens.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", tokens.revoke_token, name="revoke_token"),
    path("account/again/", people.reauthenticate, name="reauthenticate"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", allauth.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("password/reset/", allauth.password_reset, name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", allauth.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("signup/", _nothing, name="account_signup"),  # django-allauth asks for the names
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("welcome/", entrance.welcome, name="welcome"),
    path("", include((pages, "accounts"))),
]
