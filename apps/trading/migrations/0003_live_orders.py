import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import ohmycoins.core.clock
import ohmycoins.core.fields


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0002_events_in_one_chain'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='account',
            options={'ordering': ('id',), 'permissions': (('activate_account', 'Can let an account trade live'),)},
        ),
        migrations.AddField(
            model_name='account',
            name='activated_at',
            field=models.DateTimeField(help_text='When someone permitted let it trade live.', null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='connected_at',
            field=models.DateTimeField(help_text="When the venue's balances became ours.", null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='last_nonce',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='account',
            name='last_read_nonce',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='account',
            name='next_reconcile_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='reconciled_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='reduce_only_until',
            field=models.DateTimeField(help_text='When the day that was too bad is over; a person ends it otherwise.', null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='status_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='account',
            name='unclaimed',
            field=models.JSONField(default=list, help_text="Trades that the venue listed last time and that are no order's of ours."),
        ),
        migrations.AddField(
            model_name='movement',
            name='venue_ref',
            field=models.CharField(help_text="What tells it from the venue's others.", max_length=80, null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='body',
            field=models.TextField(blank=True, help_text='What is signed and sent, to the byte.'),
        ),
        migrations.AddField(
            model_name='order',
            name='cancel_requested_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='candidates',
            field=models.JSONField(default=list, help_text='What at the venue it may be.'),
        ),
        migrations.AddField(
            model_name='order',
            name='expires_at',
            field=models.DateTimeField(help_text='After this it is not submitted any more.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='fenced_at',
            field=models.DateTimeField(help_text='Since when a late submit would be refused.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='lease_until',
            field=models.DateTimeField(help_text='When its submit is given up for lost.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='looked_at',
            field=models.DateTimeField(help_text='Since when the venue shows no trace of it, or one that does not add up.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='nonce',
            field=models.BigIntegerField(help_text='The fence of its submit; never used again.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='origin',
            field=models.CharField(choices=[('ours', 'Ours'), ('external', 'made elsewhere')], default='ours', max_length=8),
        ),
        migrations.AddField(
            model_name='order',
            name='valued_price',
            field=ohmycoins.core.fields.PriceField(help_text='What limits value a coin of it at: the ask, or its price.', null=True),
        ),
        migrations.AlterField(
            model_name='movement',
            name='unit_price',
            field=ohmycoins.core.fields.PriceField(blank=True, help_text='What a coin was worth when it came or went.', null=True),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['account', 'submitted_at'], name='order_submitted'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='order',
            trigger=pgtrigger.compiler.Trigger(name='reserves_what_there_is', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (NEW.origin = 'ours')", func="\n    PERFORM 1 FROM trading_account WHERE id = NEW.account_id FOR NO KEY UPDATE;\n    IF NEW.reserved_aud > 0 AND\n        (SELECT sum(reserved_aud) FROM trading_order\n         WHERE account_id = NEW.account_id AND status IN ('cancelling', 'needs_review', 'open', 'partially_filled', 'pending', 'submitting', 'unknown'))\n        > (SELECT cash_aud FROM trading_account WHERE id = NEW.account_id) THEN\n        RAISE EXCEPTION 'orders of account % would reserve more cash than it has', NEW.account_id\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.reserved_quantity > 0 AND\n        (SELECT sum(reserved_quantity) FROM trading_order\n         WHERE account_id = NEW.account_id AND status IN ('cancelling', 'needs_review', 'open', 'partially_filled', 'pending', 'submitting', 'unknown') AND coin_type = NEW.coin_type)\n        > (SELECT coalesce(sum(quantity), 0) FROM trading_holding\n           WHERE account_id = NEW.account_id AND coin_type = NEW.coin_type) THEN\n        RAISE EXCEPTION 'orders of account % would reserve more % than it holds', NEW.account_id, NEW.coin_type\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NULL;\n", hash='3d632b105209a0664d3d8f944b398ed4c2c7ff28', operation='INSERT', pgid='pgtrigger_reserves_what_there_is_75221', table='trading_order', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='order',
            trigger=pgtrigger.compiler.Trigger(name='reserves_no_more_than_there_is', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (NEW.status = 'pending' AND (NEW.reserved_aud > OLD.reserved_aud OR NEW.reserved_quantity > OLD.reserved_quantity))", func="\n    PERFORM 1 FROM trading_account WHERE id = NEW.account_id FOR NO KEY UPDATE;\n    IF NEW.reserved_aud > 0 AND\n        (SELECT sum(reserved_aud) FROM trading_order\n         WHERE account_id = NEW.account_id AND status IN ('cancelling', 'needs_review', 'open', 'partially_filled', 'pending', 'submitting', 'unknown'))\n        > (SELECT cash_aud FROM trading_account WHERE id = NEW.account_id) THEN\n        RAISE EXCEPTION 'orders of account % would reserve more cash than it has', NEW.account_id\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.reserved_quantity > 0 AND\n        (SELECT sum(reserved_quantity) FROM trading_order\n         WHERE account_id = NEW.account_id AND status IN ('cancelling', 'needs_review', 'open', 'partially_filled', 'pending', 'submitting', 'unknown') AND coin_type = NEW.coin_type)\n        > (SELECT coalesce(sum(quantity), 0) FROM trading_holding\n           WHERE account_id = NEW.account_id AND coin_type = NEW.coin_type) THEN\n        RAISE EXCEPTION 'orders of account % would reserve more % than it holds', NEW.account_id, NEW.coin_type\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NULL;\n", hash='202da310776a4290cfff7787009cde92644af7fc', operation='UPDATE OF "reserved_aud", "reserved_quantity"', pgid='pgtrigger_reserves_no_more_than_there_is_f6c7f', table='trading_order', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='movement',
            constraint=models.UniqueConstraint(fields=('account', 'venue_ref'), name='movement_venue_ref'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'pending'), _negated=True), models.Q(('reserved_aud__gte', django.db.models.expressions.CombinedExpression(models.F('quantity'), '*', models.F('limit_price'))), ('side', 'buy')), models.Q(('reserved_quantity__gte', models.F('quantity')), ('side', 'sell')), _connector='OR'), name='order_reserves_what_it_may_take'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('origin__in', ['ours', 'external'])), name='order_origin_known'),
        ),
    ]
