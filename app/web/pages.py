"""All pages as one router, and the page for errors; `app.main` joins them to the API."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import check, help, home, jobs, models, static, visitor
from app.web.page import error_page

__all__ = ["error_page", "router"]

router = APIRouter(include_in_schema=False)
for part in (static, visitor, home, check, jobs, models, help):
    router.include_router(part.router)
