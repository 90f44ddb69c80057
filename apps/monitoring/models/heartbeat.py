"""Signs of life of processes of which there must be exactly one."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a role, and of which process it came; a lease, renewed by its holder."""

    name = models.SlugField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=120)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%H:%M:%S}"
