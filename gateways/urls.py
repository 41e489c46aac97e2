"""Addresses of the gateways pages."""

from django.urls import URLPattern

app_name = "gateways"
urlpatterns: list[URLPattern] = []
