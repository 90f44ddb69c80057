import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# The chain starts with what there is, in the order in which it was recorded.
CARRY_OVER = """
    INSERT INTO trading_event (account_id, order_id, type, from_status, to_status, at, actor, reason, inputs, seq, digest)
    SELECT o.account_id, e.order_id, CASE e.from_status WHEN '' THEN 'order.made' ELSE 'order.moved' END,
           e.from_status, e.to_status, e.at, e.actor, e.reason, e.inputs, 0, ''
    FROM trading_orderevent e JOIN trading_order o ON o.id = e.order_id ORDER BY e.id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Chain',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField()),
                ('digest', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(help_text='Noun and participle, such as order.moved.', max_length=40)),
                ('from_status', models.CharField(blank=True, max_length=16)),
                ('to_status', models.CharField(blank=True, max_length=16)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(help_text='user:ID, or the part of the system that acted.', max_length=60)),
                ('reason', models.CharField(max_length=300)),
                ('inputs', models.JSONField(default=dict)),
                ('seq', models.BigIntegerField(default=0, editable=False)),
                ('digest', models.CharField(default='', editable=False, max_length=64)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='event',
            name='account',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='trading.account'),
        ),
        migrations.AddField(
            model_name='event',
            name='order',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='trading.order'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['order', 'id'], name='event_order'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['account', 'id'], name='event_account'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(django.db.models.functions.comparison.Coalesce(models.F('account'), 0), models.F('seq'), name='event_seq'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='event',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ad49f209f05a6e2e96f82409714e8423ec07ee09', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_eb6c5', table='trading_event', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='event',
            trigger=pgtrigger.compiler.Trigger(name='chained', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n    UPDATE trading_chain SET seq = seq + 1 WHERE id = coalesce(NEW.account_id, 0)\n        RETURNING seq, digest INTO NEW.seq, NEW.digest;\n    IF NOT FOUND THEN\n        NEW.seq := 1;\n        NEW.digest := \'\';\n        INSERT INTO trading_chain (id, seq, digest) VALUES (coalesce(NEW.account_id, 0), 1, \'\');\n    END IF;\n    NEW.digest := encode(sha256(convert_to(NEW.digest || jsonb_build_array(NEW.seq, NEW.account_id, NEW.order_id, NEW.type, NEW.from_status, NEW.to_status,\n        to_char(NEW.at AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US\'), NEW.actor, NEW.reason, NEW.inputs)::text, \'UTF8\')), \'hex\');\n    UPDATE trading_chain SET digest = NEW.digest WHERE id = coalesce(NEW.account_id, 0);\n    RETURN NEW;\n', hash='59595586934aa5c2c6370ec2f97d4f5e09e5c132', operation='INSERT', pgid='pgtrigger_chained_bff7c', table='trading_event', when='BEFORE')),
        ),
        migrations.RunSQL(CARRY_OVER),
        migrations.DeleteModel(name='OrderEvent'),
    ]
