"""Addresses of the cas pages."""

from django.urls import URLPattern

app_name = "cas"
urlpatterns: list[URLPattern] = []
