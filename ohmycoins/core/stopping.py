"""Know that this process was told to stop, so that what can be left to the next one is left."""

from threading import Event

stopping = Event()
