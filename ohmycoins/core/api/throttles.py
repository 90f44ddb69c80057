"""Limit how often a caller may call."""

import time
from typing import TYPE_CHECKING

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)


class MinuteThrottle(BaseThrottle):
    """Count a caller's requests in the current minute, shared by all web processes.

    One atomic increment; with Redis down it fails open, since trading must go on.
    """

    scope = "user"
    limit = 3000

    def identity(self, request: Request) -> str:
        user = request.user
        return f"user:{user.pk}" if user and user.is_authenticated else f"ip:{self.get_ident(request)}"

    def allow_request(self, request: Request, view: "APIView") -> bool:
        minute = int(time.time()) // 60
        key = f"throttle:{self.scope}:{self.identity(request)}:{minute}"
        try:
            cache.add(key, 0, timeout=120)
            return bool(cache.incr(key) <= self.limit)
        except (RedisError, ValueError):  # down, or the key expired in between
            log.warning("throttle.open", scope=self.scope)
            return True

    def wait(self) -> float:
        return 60 - time.time() % 60


class LoginThrottle(MinuteThrottle):
    """Slow down guessing: ten tries a minute from one address."""

    scope = "login"
    limit = 10

    def identity(self, request: Request) -> str:
        return f"ip:{self.get_ident(request)}"
