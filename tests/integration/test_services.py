"""The servers that tests use are real, and are thrown away."""

from __future__ import annotations

import pytest
import redis
from sqlalchemy import create_engine, text

from tests.services import missing, postgres
from tests.services import redis as redis_service


@pytest.mark.services
def test_fresh_postgres_database_is_real_and_empty(fresh_postgres_url: str) -> None:
    engine = create_engine(fresh_postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("select version()")).scalar_one().startswith("PostgreSQL")
        tables = "select count(*) from information_schema.tables where table_schema = 'public'"
        assert connection.execute(text(tables)).scalar_one() == 0
    engine.dispose()


@pytest.mark.services
def test_redis_is_real_and_guarded_by_a_password(fresh_redis_url: str) -> None:
    with redis.Redis.from_url(fresh_redis_url) as client:
        assert client.set("key", "value", nx=True)
        assert client.set("key", "other", nx=True) is None
        assert client.get("key") == b"value"
        port = client.connection_pool.connection_kwargs["port"]
    with redis.Redis(port=port, retry=None) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_packaged_postgres_serves_where_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packaged = postgres.find_packaged()
    assert packaged is not None
    monkeypatch.setattr(postgres, "_find_binaries", lambda: packaged)
    with postgres.running() as url, postgres.database(url) as fresh:
        engine = create_engine(fresh)
        with engine.connect() as connection:
            assert connection.execute(text("select 1 + 1")).scalar_one() == 2
        engine.dispose()


def test_packaged_redis_serves_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_service.shutil, "which", lambda _: None)
    with redis_service.running() as url, redis.Redis.from_url(url) as client:
        assert client.ping()


def test_a_missing_service_skips_on_a_desk_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "missing", set())
    monkeypatch.delenv(missing.REQUIRE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="No Postgres"):
        missing.skip("No Postgres")
    monkeypatch.setenv(missing.REQUIRE, "1")
    with pytest.raises(pytest.fail.Exception, match="No Postgres"):
        missing.skip("No Postgres")
    assert missing.missing == {"No Postgres"}
