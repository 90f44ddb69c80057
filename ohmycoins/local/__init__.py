"""Run the whole product on one machine: real PostgreSQL and Redis from wheels, and a supervisor.

The wheels serve as carriers of binaries only; their Python APIs change file modes, leak servers
and guess at ownership, so they are never imported (docs/adr/0002).
"""
