"""Translations are complete: nothing missing, stale, fuzzy or empty."""

from __future__ import annotations

import pytest

from scripts import catalogs


@pytest.mark.parametrize("code", catalogs.translated())
@pytest.mark.parametrize("domain", catalogs.DOMAINS, ids=lambda domain: domain.name)
def test_catalog_is_complete(domain: catalogs.Domain, code: str) -> None:
    assert not list(catalogs.faults(domain, code))
