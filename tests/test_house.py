"""The house stands: models point downwards only, and nothing speaks of what is not the product's."""

from itertools import pairwise
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
ORDER = ["audit", "outbox", "keys", "accounts", "cas", "gateways", "certificates", "trust", "alerts"]


def test_foreign_keys_point_downwards_only() -> None:
    upwards = [
        f"{model._meta.label} -> {field.related_model._meta.label}"
        for app in ORDER
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model and field.related_model._meta.app_label in ORDER
        if ORDER.index(field.related_model._meta.app_label) > ORDER.index(app)
    ]
    assert upwards == []


def test_the_order_is_that_of_the_import_contract() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    layers = text[text.index('type = "layers"') :]
    places = [layers.index(f'"{app}"') for app in ORDER]
    assert all(after < before for before, after in pairwise(places))


def test_private_keys_are_opened_where_they_must_be_only() -> None:
    """G6. Fails when another package opens what the vault keeps."""
    opening = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in {".venv", "node_modules", "tests"}
        if "open_private_key" in path.read_text()
    }
    custody = {"certificates/services/custody.py", "certificates/services/server_custody.py"}
    assert opening == {"keys/services.py", *custody}
