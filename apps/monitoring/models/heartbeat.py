"""Signs of life: of roles of which there must be exactly one holder, and of queues."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a role, and of which process it came; a lease, renewed by its holder.

    Of a queue (`queue:orders`): when the newest pulse that came through it was sent, and who took it out.
    """

    name = models.SlugField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=120)
    at = models.DateTimeField()
    since = models.DateTimeField(null=True, help_text="Since when its holder has it without a break.")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%H:%M:%S}"
