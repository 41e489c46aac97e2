"""Addresses of the trust pages."""

from django.urls import URLPattern

app_name = "trust"
urlpatterns: list[URLPattern] = []
