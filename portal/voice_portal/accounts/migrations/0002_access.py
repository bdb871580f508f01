"""Memberships in a provider's groups, accounts for when no provider answers, and what people did."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "Membership",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=63)),
                ("group_name", models.CharField(max_length=255)),
                ("user", models.ForeignKey(settings.AUTH_USER_MODEL, django.db.models.deletion.CASCADE)),
            ],
            options={"db_table": "portal_membership"},
        ),
        migrations.CreateModel(
            "BreakGlass",
            [
                (
                    "user",
                    models.OneToOneField(
                        settings.AUTH_USER_MODEL,
                        django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
            options={"db_table": "portal_break_glass"},
        ),
        migrations.CreateModel(
            "AuditRecord",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("who", models.CharField(max_length=150)),
                ("provider", models.CharField(max_length=63)),
                ("address", models.CharField(max_length=45)),
                ("what", models.CharField(max_length=32)),
                ("client", models.CharField(max_length=63)),
                ("detail", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "portal_audit",
                "indexes": [
                    models.Index(fields=["at"], name="portal_audit_at"),
                    models.Index(fields=["client", "id"], name="portal_audit_client"),
                    models.Index(fields=["who", "id"], name="portal_audit_who"),
                ],
            },
        ),
    ]
