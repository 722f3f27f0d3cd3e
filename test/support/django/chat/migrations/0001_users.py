"""The people of the tests. Everybody's password is "<name>-password"; john is in `chatters` and `staff`."""

from django.contrib.auth.hashers import make_password
from django.db import migrations

GROUPS = {"john": ["chatters", "staff"], "mary": ["chatters"], "anna": []}


def create_users(apps, schema_editor):
    user_model = apps.get_model("auth", "User")
    group_model = apps.get_model("auth", "Group")
    for username, names in GROUPS.items():
        user = user_model.objects.create(username=username, password=make_password(f"{username}-password"))
        user.groups.set([group_model.objects.get_or_create(name=name)[0] for name in names])


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(create_users)]
