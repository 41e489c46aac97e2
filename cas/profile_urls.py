"""Addresses of the profiles' pages."""

from django.urls import URLPattern, path

from cas.views import profiles

app_name = "profiles"
urlpatterns: list[URLPattern] = [
    path("", profiles.list_profiles, name="list"),
    path("<slug:name>/", profiles.detail, name="detail"),
    path("<slug:name>/change/", profiles.change, name="change"),
    path("<slug:name>/another/", profiles.copy, name="copy"),
]
