"""What every view of the HTTP API shares: errors, fields, parameters, pages, limits, routes."""
