"""The Human ledger: what people write, and how they sound."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from apps.ledgers.models.entry import Item


class Text(Item):
    """A text with the coins it names, its sentiment, and how many people reacted."""

    class Sentiment(models.TextChoices):
        BULLISH = "bullish"
        NEUTRAL = "neutral"
        BEARISH = "bearish"

    title = models.TextField()
    content = models.TextField(blank=True)
    url = models.URLField(max_length=2000)
    currencies = ArrayField(models.CharField(max_length=20), default=list)
    sentiment = models.CharField(max_length=10, choices=Sentiment)
    sentiment_score = models.DecimalField(max_digits=5, decimal_places=4)
    engagement = models.JSONField(
        default=dict, help_text="Votes, score and comments, as counted when it was read."
    )

    class Meta(Item.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.title[:80]


def _scored(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(sentiment_score__gte=-1) & Q(sentiment_score__lte=1), name=f"{name}_score_within_one"
    )


class News(Text):
    """An article, or a post that points to one."""

    source = models.CharField(max_length=100, help_text="Who published it.")

    class Meta(Text.Meta):
        verbose_name_plural = "news"
        indexes = (
            *Item.indexes("news"),
            models.Index(fields=["source", "-occurred_at", "-id"], name="news_source"),
            GinIndex(fields=["currencies"], name="news_currencies"),
        )
        constraints = (_scored("news"),)


class SocialPost(Text):
    """A post in a community."""

    platform = models.CharField(max_length=20)
    community = models.CharField(max_length=50)
    author = models.CharField(max_length=100, blank=True)

    class Meta(Text.Meta):
        indexes = (
            *Item.indexes("social"),
            models.Index(fields=["community", "-occurred_at", "-id"], name="social_community"),
            GinIndex(fields=["currencies"], name="social_currencies"),
        )
        constraints = (_scored("social"),)
