import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
from django.db import migrations, models

import ohmycoins.core.clock
import ohmycoins.core.fields


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0003_live_orders'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed', models.TextField(editable=False, help_text='Encrypted, and bound to its account.')),
                ('api_key_end', models.CharField(help_text='Its last four characters.', max_length=4, verbose_name='API key')),
                ('read_only_key_end', models.CharField(blank=True, max_length=4, verbose_name='read-only key')),
                ('key_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(default=ohmycoins.core.clock.now, editable=False)),
                ('updated_at', models.DateTimeField(default=ohmycoins.core.clock.now)),
                ('validated_at', models.DateTimeField(help_text='When the venue last let both keys in.', null=True)),
                ('error', models.CharField(blank=True, help_text='Why it did not, the last time.', max_length=300)),
            ],
        ),
        migrations.AddField(
            model_name='credential',
            name='account',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='credential', to='trading.account'),
        ),
    ]
