"""Find the recordings beside the checkout."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason="the shared recordings are not beside this checkout"
)
