"""The one base class of every wire type."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """Frozen, and closed to unknown fields: a typing error is an answer, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")
