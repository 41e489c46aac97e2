"""The app's name for Django."""

from django.apps import AppConfig


class CasConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "cas"
    verbose_name = "authorities"
