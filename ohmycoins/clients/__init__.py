"""Talk to venues over HTTP; no models."""
