from django.db import migrations

def _move(apps, rights, task):
    for before, after in rights:
        for permission in apps.get_model('auth', 'Permission').objects.filter(
            content_type__app_label='monitoring', codename__endswith=before
        ):
            permission.codename = permission.codename.removesuffix(before) + after
            permission.name = permission.name.removesuffix(before) + after
            permission.save(update_fields=['codename', 'name'])
    apps.get_model('django_celery_beat', 'PeriodicTask').objects.filter(task=task).delete()


def follow(apps, schema_editor):
    """Keep who may see incidents, and end the schedule of a task that is a part of `monitoring.watch` now."""
    _move(apps, [('_breach', '_incident')], 'monitoring.check_invariants')


def unfollow(apps, schema_editor):
    _move(apps, [('_incident', '_breach')], 'monitoring.watch')


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0003_watching'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [migrations.RunPython(follow, unfollow)]
