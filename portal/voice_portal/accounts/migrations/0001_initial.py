"""The table of failed sign-ins."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "SignInTally",
            [
                ("subject", models.CharField(max_length=96, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "portal_sign_in_tally"},
        ),
    ]
