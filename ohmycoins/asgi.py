"""The ASGI application, for those who prefer such a server; WSGI is faster here (docs/adr/0004)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ohmycoins.settings")

application = get_asgi_application()
