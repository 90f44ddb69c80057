"""Settings, read once from the environment (`env.py`); safe by default. See `.env.template`."""

import logging
import os
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

from ohmycoins import env as environment
from ohmycoins.core import logs, money  # noqa: F401 - money raises the decimal precision of every process
from ohmycoins.env import BASE_DIR, env
from ohmycoins.local.paths import layout

environment.load()

# Where we are ---------------------------------------------------------------------------------------

DATA_DIR = environment.data_dir()
LAYOUT = layout(DATA_DIR)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or environment.local_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=[]), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000

OMC_ADMIN_EMAIL = env.str("OMC_ADMIN_EMAIL", default="admin@localhost")
OMC_ADMIN_PASSWORD = env.str("OMC_ADMIN_PASSWORD", default="")

# Django ---------------------------------------------------------------------------------------------

ROOT_URLCONF = "ohmycoins.urls"
WSGI_APPLICATION = "ohmycoins.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-au"
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serve from the packages themselves: no build step, one way everywhere

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_structlog",
    "pgtrigger",
    "ohmycoins",
    "apps.accounts",
    "apps.ledgers",
    "apps.trading",
    "apps.pnl",
    "apps.monitoring",
]
MIDDLEWARE = [
    "apps.monitoring.metrics.http.CountRequests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ohmycoins.core.middleware.RequestLog",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False  # every API path is accepted with and without
CSRF_FAILURE_VIEW = "ohmycoins.core.api.errors.forbidden"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "ohmycoins" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="ohmycoins@localhost")

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = logs.configure(as_json=env.bool("LOG_JSON", default=False), level=LOG_LEVEL)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request, when it is done

# PostgreSQL -----------------------------------------------------------------------------------------


# Over TCP, a server whose machine or network is gone says nothing: without these we would wait for it for up to
# two hours. One that is at work answers them, however long its query takes.
SILENT_SERVER = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000,
}  # fmt: skip


def _database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(url)
    config["HOST"] = unquote(config["HOST"])  # a percent-encoded socket directory
    limits = {
        "lock_timeout": env.str("DATABASE_LOCK_TIMEOUT", default="3s"),
        "statement_timeout": env.str("DATABASE_STATEMENT_TIMEOUT", default="30s"),
        "idle_in_transaction_session_timeout": "15s",
        "synchronous_commit": "on",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return config | {
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,  # after a restart of PostgreSQL the first query would fail
        # For statements that ask to be prepared (`pnl.services.book`); the ORM's never do.
        "OPTIONS": {"connect_timeout": 5, "prepare_threshold": 5, "options": options, **SILENT_SERVER}
        | config.get("OPTIONS", {}),
        "TEST": {"NAME": f"test_{config['NAME']}"},
    }


DATABASES = {"default": _database(env.str("DATABASE_URL", default="") or LAYOUT.database_url())}
SERVER_MINIMUM = 16

# Redis and Celery -----------------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="") or LAYOUT.redis_url()
# The in-memory stand-in forgets queued work when it stops (see `local.redis`).
REDIS_IS_DURABLE = bool(env.str("REDIS_URL", default="")) or not LAYOUT.redis_address.exists()


def _celery_url(url: str) -> str:
    """Respell a Redis URL the way Celery reads unix sockets."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}" + (
        f"?{parts.query.replace('db=', 'virtual_host=')}" if parts.query else ""
    )


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # It only counts requests: when it is away, go on without it at once.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 0)},
        "KEY_PREFIX": "omc",
    }
}

CELERY_BROKER_URL = _celery_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "ledgers.*": {"queue": "collect"},
    "trading.decide": {"queue": "decisions"},
    "trading.forget_holds": {"queue": "default"},
    "trading.*": {"queue": "orders"},
    # Seconds of computing at a time, which nothing else is to wait behind.
    "pnl.run_backtests": {"queue": "lab"},
}
# Our rows are the record of what was done, and the queue of what is left: a message that is lost
# costs a little time, and one that is run again must do no harm. So: no results, no redelivery.
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SOFT_TIME_LIMIT = 25
CELERY_TASK_TIME_LIMIT = 40
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULER = "apps.monitoring.beat:GuardedScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2

LOGIN_REDIRECT_URL = "/admin/"

# The API --------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.api.auth.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["ohmycoins.core.api.parsers.ExactJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "ohmycoins.core.api.renderers.ExactJSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["ohmycoins.core.api.throttles.MinuteThrottle"],
    "DEFAULT_PAGINATION_CLASS": "ohmycoins.core.api.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ohmycoins.core.api.errors.exception_handler",
    "DATETIME_FORMAT": "iso-8601",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=env.int("TOKEN_DAYS", default=30)),
    "TOKEN_LIMIT_PER_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Oh My Coins",
    "VERSION": "1",
    "DESCRIPTION": "Collect what is known about the crypto market, trade on it within limits, and see what it earned.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "EntryOriginEnum": "apps.ledgers.models.entry.Entry.Origin",
        "OrderOriginEnum": "apps.trading.models.order.Order.Origin",
        "AccountStatusEnum": "apps.trading.models.account.Account.Status",
        "OrderStatusEnum": "apps.trading.models.order.STATUS_CHOICES",
        "AlgorithmStatusEnum": "apps.trading.models.algorithm.Algorithm.Status",
        "PromotionTargetEnum": "apps.trading.models.algorithm.Promotion.Target",
        "PromotionStatusEnum": "apps.trading.models.algorithm.Promotion.Status",
        "DeploymentStatusEnum": "apps.trading.models.deployment.Deployment.Status",
        "DecisionStatusEnum": "apps.trading.models.decision.Decision.Status",
        "TwapStatusEnum": "apps.trading.models.twap.Twap.Status",
        "SeverityEnum": "apps.monitoring.models.alert.Severity",
        "AlertTypeEnum": "apps.monitoring.models.alert.Type",
        "AlertDeliveryStatusEnum": "apps.monitoring.models.alert.Delivery.Status",
        "ChannelKindEnum": "apps.monitoring.models.alert.Channel.Kind",
        "ProtectionKindEnum": "apps.monitoring.models.protection.Protection.Kind",
        "BacktestStatusEnum": "apps.pnl.models.backtest.Backtest.Status",
    },
    "PREPROCESSING_HOOKS": ["ohmycoins.core.api.routes.without_trailing_slash"],
}

# Outside sources: each has its base URL here, so that a proxy, a mirror or the simulator can stand in


def _url(name: str, default: str) -> str:
    return str(env.str(name, default=default)).rstrip("/")


COINSPOT_URL = _url("COINSPOT_URL", "https://www.coinspot.com.au")
COINSPOT_HELP_URL = _url("COINSPOT_HELP_URL", "https://coinspot.zendesk.com")
SEC_URL = _url("SEC_URL", "https://data.sec.gov")
REDDIT_URL = _url("REDDIT_URL", "https://www.reddit.com")
REDDIT_OAUTH_URL = _url("REDDIT_OAUTH_URL", "https://oauth.reddit.com")
DEFILLAMA_URL = _url("DEFILLAMA_URL", "https://api.llama.fi")
CRYPTOPANIC_URL = _url("CRYPTOPANIC_URL", "https://cryptopanic.com")
NEWS_FEEDS = env.list(
    "NEWS_FEEDS",
    default=[
        "https://www.coindesk.com/arc/outboundfeeds/rss/",
        "https://cointelegraph.com/rss",
        "https://decrypt.co/feed",
        "https://cryptoslate.com/feed/",
        "https://www.newsbtc.com/feed/",
    ],
)

# Who we say we are. SEC wants a name and an e-mail address, which only the operator has.
AGENT = "OhMyCoins/1 (self-hosted)"
COINSPOT_USER_AGENT = env.str("COINSPOT_USER_AGENT", default=AGENT)
SEC_USER_AGENT = env.str("SEC_USER_AGENT", default="")
REDDIT_USER_AGENT = env.str("REDDIT_USER_AGENT", default="python:ohmycoins:1 (self-hosted)")
DEFILLAMA_USER_AGENT = env.str("DEFILLAMA_USER_AGENT", default=AGENT)
CRYPTOPANIC_USER_AGENT = env.str("CRYPTOPANIC_USER_AGENT", default=AGENT)
NEWS_USER_AGENT = env.str("NEWS_USER_AGENT", default=AGENT)

REDDIT_CLIENT_ID = env.str("REDDIT_CLIENT_ID", default="")
REDDIT_CLIENT_SECRET = env.str("REDDIT_CLIENT_SECRET", default="")
CRYPTOPANIC_API_KEY = env.str("CRYPTOPANIC_API_KEY", default="")
CRYPTOPANIC_PLAN = env.str("CRYPTOPANIC_PLAN", default="")  # part of the path; free and v1 speak API v1

# How long the ledgers are kept, in days; 0 keeps everything.
LEDGER_RETENTION_DAYS = env.int("LEDGER_RETENTION_DAYS", default=0)

# Seams: {slug: dotted path} -------------------------------------------------------------------------

COLLECTORS = {
    "coinspot_prices": "apps.ledgers.collectors.coinspot_prices.CoinspotPrices",
    "coinspot_depth": "apps.ledgers.collectors.coinspot_depth.CoinspotDepth",
    "coinspot_announcements": "apps.ledgers.collectors.coinspot_announcements.CoinspotAnnouncements",
    "sec_edgar_api": "apps.ledgers.collectors.sec_edgar_api.SecEdgarApi",
    "reddit_api": "apps.ledgers.collectors.reddit_api.RedditApi",
    "defillama": "apps.ledgers.collectors.defillama.Defillama",
    "cryptopanic": "apps.ledgers.collectors.cryptopanic.Cryptopanic",
    "news_rss": "apps.ledgers.collectors.news_rss.NewsRss",
}
VENUES = {
    "paper": "apps.trading.venues.paper.PaperVenue",
    "coinspot": "apps.trading.venues.coinspot.CoinspotVenue",
}
ALGORITHMS = {
    "moving_average_crossover": "apps.trading.algorithms.moving_average_crossover.MovingAverageCrossover",
    "sentiment_momentum": "apps.trading.algorithms.sentiment_momentum.SentimentMomentum",
    "catalyst_reaction": "apps.trading.algorithms.catalyst_reaction.CatalystReaction",
    "tvl_trend": "apps.trading.algorithms.tvl_trend.TvlTrend",
    "rebalance": "apps.trading.algorithms.rebalance.Rebalance",
    "dollar_cost_averaging": "apps.trading.algorithms.dollar_cost_averaging.DollarCostAveraging",
}

# P&L --------------------------------------------------------------------------------------------------

# What a year without risk would have earned, as a fraction; taken off by the Sharpe and Sortino ratios.
PNL_RISK_FREE_RATE = env.float("PNL_RISK_FREE_RATE", default=0.0)
# How long a worker goes on with a backtest before it lets others have its place, and stores where it got to.
OMC_BACKTEST_SLICE_SECONDS = env.float("OMC_BACKTEST_SLICE_SECONDS", default=3.0)
# How many backtests workers may be at at once; of each, one is.
OMC_BACKTESTS_AT_ONCE = env.int("OMC_BACKTESTS_AT_ONCE", default=1)
# When a worker that has a backtest, and stored nothing, is taken to be dead.
OMC_BACKTEST_LEASE_SECONDS = env.float("OMC_BACKTEST_LEASE_SECONDS", default=60.0)

# Trading --------------------------------------------------------------------------------------------

TRADING_MODE = env.str("TRADING_MODE", default="paper")

# What venue keys are sealed with, newest first; `manage.py rotate_keys` seals them anew.
VENUE_SECRET_KEYS = env.list("VENUE_SECRET_KEYS", default=[]) or [
    environment.local_secret(DATA_DIR / "venue_secret_key")
]
# How long a submit may take, from the first byte sent to the last received.
OMC_SUBMIT_DEADLINE_SECONDS = env.float("OMC_SUBMIT_DEADLINE_SECONDS", default=10.0)
# How long the venue may take to show an order that it accepted.
OMC_SETTLE_SECONDS = env.float("OMC_SETTLE_SECONDS", default=60.0)
# How often an account with live orders is compared with its venue.
OMC_RECONCILE_SECONDS = env.float("OMC_RECONCILE_SECONDS", default=30.0)
# How long a time a backtest must cover before its algorithm may be promoted to paper.
OMC_BACKTEST_DAYS = env.float("OMC_BACKTEST_DAYS", default=30.0)
# How long an algorithm must have run on paper before it may be asked to trade live.
OMC_PAPER_DAYS = env.float("OMC_PAPER_DAYS", default=7.0)
# How often a deployment may decide at most, and how many a user may have that are active or paused.
OMC_LEAST_INTERVAL_SECONDS = env.float("OMC_LEAST_INTERVAL_SECONDS", default=10.0)
OMC_MOST_DEPLOYMENTS = env.int("OMC_MOST_DEPLOYMENTS", default=50)
# How long decisions to hold are kept, in days; 0 keeps all. What was traded is kept for ever.
OMC_KEEP_HOLDS_DAYS = env.int("OMC_KEEP_HOLDS_DAYS", default=90)
# How long a round of watching checks invariants: a large database is walked through in as many rounds as it takes.
OMC_INVARIANTS_SECONDS = env.float("OMC_INVARIANTS_SECONDS", default=0.75)

# Monitoring -----------------------------------------------------------------------------------------

# How long what each round of watching found of the data is kept, in days; 0 keeps all.
OMC_KEEP_CHECKS_DAYS = env.int("OMC_KEEP_CHECKS_DAYS", default=400)
# Hosts and networks that alerts may be sent to although they are not on the public internet.
OMC_ALERT_HOSTS = env.list("OMC_ALERT_HOSTS", default=[])

# Watching it ----------------------------------------------------------------------------------------

# Who brings it as a bearer token may read /metrics, as may users with the permission; empty: nobody else.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where each process keeps what it counts, for whichever is asked for all; prometheus_client reads the variable.
METRICS_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="") or str(LAYOUT.metrics)
os.makedirs(METRICS_DIR, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR
PROMETHEUS_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
# Where errors are reported to, without what the code or the caller held; empty: nowhere.
SENTRY_DSN = env.str("SENTRY_DSN", default="")

# The admin ------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Oh My Coins",
    "SITE_HEADER": "Oh My Coins",
    "SITE_SUBHEADER": "Operators",
    "SITE_SYMBOL": "savings",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
