from django.db import migrations, models
from django.utils.crypto import salted_hmac


def hash_names(apps, schema_editor):
    """What programs call their requests may be somebody's address; frozen here as `saydo.web.keys` does it."""
    kept = apps.get_model("hooks", "Kept")
    for pk, name in list(kept.objects.values_list("pk", "name")):
        digest = salted_hmac("saydo.idempotency", name, algorithm="sha256").hexdigest()
        kept.objects.filter(pk=pk).update(name=digest)


class Migration(migrations.Migration):

    dependencies = [
        ('hooks', '0002_rights'),
    ]

    operations = [
        migrations.RunPython(hash_names, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='kept',
            name='name',
            field=models.CharField(max_length=64),
        ),
    ]
