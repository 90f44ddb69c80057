"""Ship groups of rights, and create the ones that are missing; operators may change them after."""

from django.contrib.auth.models import Group, Permission

VIEW_ALL = [
    "ledgers.view_source",
    "ledgers.view_collectionrun",
    "ledgers.view_price",
    "ledgers.view_latestprice",
    "ledgers.view_depth",
    "ledgers.view_latestdepth",
    "trading.view_account",
    "trading.view_order",
    "trading.view_event",
    "trading.view_fill",
    "trading.view_holding",
    "trading.view_movement",
    "trading.view_credential",
    "trading.view_stop",
    "trading.view_limits",
    "trading.view_daystart",
    "trading.view_discrepancy",
    "trading.view_volatilemarket",
    "trading.view_algorithm",
    "trading.view_promotion",
    "trading.view_deployment",
    "trading.view_decision",
    "trading.view_twap",
    "trading.view_evidence",
    "pnl.view_lot",
    "pnl.view_match",
    "pnl.view_closing",
    "pnl.view_position",
    "pnl.view_dailytotal",
    "pnl.view_bookingfailure",
    "pnl.view_equitysnapshot",
    "pnl.view_givencost",
    "pnl.view_taxrule",
    "pnl.view_backtest",
    "pnl.view_backtesttrade",
    "monitoring.view_incident",
    "monitoring.view_walk",
    "monitoring.view_qualitycheck",
    "monitoring.view_outlier",
    "monitoring.view_alert",
    "monitoring.view_alertrule",
    "monitoring.view_channel",
    "monitoring.view_delivery",
    "monitoring.view_protection",
    "monitoring.view_round",
    "monitoring.view_metricsmark",
    "monitoring.view_metrics",
    "trading.view_brake",
    "django_celery_beat.view_periodictask",
]

GROUPS: dict[str, list[str]] = {
    "auditors": VIEW_ALL,
    "operators": [
        *VIEW_ALL, "ledgers.operate_source", "trading.change_order", "trading.change_stop", "trading.add_fill",
        "trading.add_volatilemarket", "trading.delete_volatilemarket", "trading.change_discrepancy",
        "trading.add_algorithm", "trading.change_algorithm", "trading.change_deployment", "pnl.add_taxrule",
        "pnl.add_givencost", "monitoring.add_alertrule", "monitoring.change_alertrule", "monitoring.delete_alertrule",
        "monitoring.add_channel", "monitoring.add_protection", "monitoring.change_protection", "monitoring.delete_protection",
        "monitoring.add_metricsmark", "monitoring.accept_incident", "django_celery_beat.change_periodictask",
    ],
    "live approvers": [*VIEW_ALL, "trading.activate_account", "trading.approve_promotion"],
    "user managers": ["accounts.view_user", "accounts.add_user", "accounts.change_user", "knox.view_authtoken",
                      "knox.delete_authtoken", "auth.view_group"],
}  # fmt: skip


def sync_groups() -> list[str]:
    """Create the missing groups with their rights; return their names."""
    created = []
    for name, rights in GROUPS.items():
        group, new = Group.objects.get_or_create(name=name)
        if new:
            group.permissions.set([_permission(right) for right in rights])
            created.append(name)
    return created


def _permission(right: str) -> Permission:
    app_label, codename = right.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
