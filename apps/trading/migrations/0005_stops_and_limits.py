import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import ohmycoins.core.clock
import ohmycoins.core.fields

# The row that says whether anyone may trade at all: without it, nobody may.
GLOBAL_STOP = """
    INSERT INTO trading_stop (scope, target, state, fence, reason, changed_at, changed_by)
    VALUES ('global', '', 'active', 0, '', now(), 'installation')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0004_credentials'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DayStart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('equity_aud', ohmycoins.core.fields.AudField()),
                ('unpriced', models.JSONField(default=dict, help_text='Coins held without a price, which are left out: how many.')),
                ('at', models.DateTimeField(help_text='When it was measured: at midnight, or as soon after as anyone looked.')),
            ],
        ),
        migrations.CreateModel(
            name='Discrepancy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('coin_type', models.CharField(help_text='AUD for cash.', max_length=20)),
                ('ours', ohmycoins.core.fields.QuantityField()),
                ('theirs', ohmycoins.core.fields.QuantityField()),
                ('value_aud', ohmycoins.core.fields.AudField(help_text='Of the difference; empty if the coin has no price.', null=True)),
                ('found_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('resolved_by', models.CharField(blank=True, max_length=60)),
                ('resolution', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'verbose_name_plural': 'discrepancies',
            },
        ),
        migrations.CreateModel(
            name='Limits',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('max_position_percent', models.DecimalField(decimal_places=2, default=20, max_digits=5)),
                ('max_daily_loss_percent', models.DecimalField(decimal_places=2, default=5, max_digits=5)),
                ('max_algorithm_percent', models.DecimalField(decimal_places=2, default=30, max_digits=5)),
                ('max_order_aud', ohmycoins.core.fields.AudField(blank=True, null=True)),
                ('set_at', models.DateTimeField(default=ohmycoins.core.clock.now, editable=False)),
                ('set_by', models.CharField(max_length=60)),
            ],
            options={
                'verbose_name_plural': 'limits',
            },
        ),
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('global', 'Global'), ('user', 'User'), ('account', 'Account'), ('algorithm', 'Algorithm'), ('coin', 'Coin')], max_length=9)),
                ('target', models.CharField(blank=True, help_text="The account's or algorithm's id, or the coin.", max_length=20)),
                ('state', models.CharField(choices=[('active', 'active: trading goes on'), ('reduce_only', 'reduce only: sales of what is held'), ('halted', 'halted: nothing but cancels')], max_length=11)),
                ('fence', models.BigIntegerField(default=0, help_text='Rises with every change.')),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('changed_at', models.DateTimeField(default=ohmycoins.core.clock.now)),
                ('changed_by', models.CharField(max_length=60)),
            ],
        ),
        migrations.CreateModel(
            name='VolatileMarket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('coin_type', models.CharField(max_length=20, unique=True)),
                ('reason', models.CharField(max_length=300)),
                ('marked_by', models.CharField(max_length=60)),
                ('marked_at', models.DateTimeField(default=ohmycoins.core.clock.now, editable=False)),
            ],
        ),
        migrations.AddField(
            model_name='daystart',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='day_starts', to='trading.account'),
        ),
        migrations.AddField(
            model_name='discrepancy',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='discrepancies', to='trading.account'),
        ),
        migrations.AddField(
            model_name='limits',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='limits', to='trading.account'),
        ),
        migrations.AddField(
            model_name='stop',
            name='user',
            field=models.ForeignKey(blank=True, help_text="Whose trading it holds back; everyone's if empty.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='stops', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='daystart',
            constraint=models.UniqueConstraint(fields=('account', 'day'), name='day_start_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='daystart',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b57b4170e8b2335df3b1b06872d4248c0fefa2bd', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_711fb', table='trading_daystart', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='discrepancy',
            index=models.Index(fields=['account', '-found_at'], name='discrepancy_account'),
        ),
        migrations.AddConstraint(
            model_name='discrepancy',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None)), fields=('account', 'coin_type'), name='discrepancy_one_open'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='discrepancy',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='4b93cfb3479d3aec9d24eead7e7a49e2ac5edca0', operation='DELETE', pgid='pgtrigger_never_deleted_2756f', table='trading_discrepancy', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='limits',
            index=models.Index(fields=['account', '-id'], name='limits_account'),
        ),
        migrations.AddConstraint(
            model_name='limits',
            constraint=models.CheckConstraint(condition=models.Q(('max_position_percent__gt', 0), ('max_position_percent__lte', 100), ('max_daily_loss_percent__gt', 0), ('max_daily_loss_percent__lte', 100), ('max_algorithm_percent__gt', 0), ('max_algorithm_percent__lte', 100), models.Q(('max_order_aud', None), models.Q(('max_order_aud__gt', 0), ('max_order_aud__lt', 100000000000000000000)), _connector='OR')), name='limits_are_shares'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='limits',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d0f70f74d8dc655e70db4fac960396c4ea1a7369', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_40745', table='trading_limits', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='stop',
            constraint=models.UniqueConstraint(fields=('scope', 'target', 'user'), name='stop_one_a_scope', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='stop',
            constraint=models.CheckConstraint(condition=models.Q(('scope__in', ['global', 'user', 'account', 'algorithm', 'coin'])), name='stop_scope_known'),
        ),
        migrations.AddConstraint(
            model_name='stop',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['active', 'reduce_only', 'halted'])), name='stop_state_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='stop',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='db21b4ad6fee9cc5da2432385f029ead6645182f', operation='DELETE', pgid='pgtrigger_never_deleted_289f3', table='trading_stop', when='BEFORE')),
        ),
        migrations.RunSQL(GLOBAL_STOP),
    ]
