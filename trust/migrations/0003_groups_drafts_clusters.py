"""Several groups, ends and reasons, reviews, signed and chained releases, and the clusters that read them."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.clock


def carry_common(apps: Any, _: Any) -> None:
    """The stores that there are carry what they carried."""
    common = apps.get_model("trust", "Group").objects.get(name="common")
    for store in apps.get_model("trust", "Store").objects.all():
        store.groups.add(common)


class Migration(migrations.Migration):
    dependencies = [
        ("cas", "0001_initial"),
        ("keys", "0001_initial"),
        ("trust", "0002_common"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Cluster",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                ("token_sha256", models.CharField(blank=True, max_length=64)),
                ("live_since", models.DateTimeField(blank=True, null=True)),
                (
                    "how",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("operator", "an operator said so"),
                            ("call", "the deployment called after its restart"),
                        ],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=core.clock.now)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seal", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=core.clock.now)),
                (
                    "verdict",
                    models.CharField(choices=[("approves", "Approves"), ("objects", "Objects")], max_length=10),
                ),
                ("note", models.TextField(blank=True)),
            ],
        ),
        migrations.AlterModelOptions(
            name="group",
            options={"ordering": ["id"]},
        ),
        migrations.RemoveConstraint(
            model_name="membership",
            name="authority_once_per_group",
        ),
        migrations.AddField(
            model_name="group",
            name="created_at",
            field=models.DateTimeField(default=core.clock.now),
        ),
        migrations.AddField(
            model_name="group",
            name="key",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="keys.key"
            ),
        ),
        migrations.AddField(
            model_name="group",
            name="purpose",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="membership",
            name="changed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="changed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="removal_reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="removed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="removed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="approved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="key",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="keys.key"
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="manifest",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="release",
            name="manifest_sha256",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="release",
            name="repeats",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trust.release"
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="signature",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="store",
            name="groups",
            field=models.ManyToManyField(related_name="stores", to="trust.group"),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)),
                fields=("group", "authority"),
                name="authority_present_once",
            ),
        ),
        migrations.AddField(
            model_name="cluster",
            name="live",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="live_in",
                to="trust.release",
            ),
        ),
        migrations.AddField(
            model_name="cluster",
            name="marked_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="cluster",
            name="store",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="clusters", to="trust.store"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="group",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reviews", to="trust.group"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="release",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reviews",
                to="trust.release",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(fields=("group", "seal", "by"), name="review_once_per_draft"),
        ),
        migrations.RunPython(carry_common, migrations.RunPython.noop),
    ]
