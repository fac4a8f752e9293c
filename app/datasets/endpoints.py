"""/v1/datasets"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.accounts.caller import Caller
from app.context import Ctx
from app.http.pagination import Asked, Page
from app.http.prefer import Wait
from app.uploads import endpoints as uploads
from app.uploads.kinds import DATASET
from prunery.specs.job import DatasetView

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
_FORM_FIELDS = {
    "filename": {"type": "string"},
    "label_column": {"type": "string"},
    "feature_columns": {"type": "string", "description": "Comma-separated names."},
    "validation_fraction": {"type": "number"},
    "test_fraction": {"type": "number"},
    "seed": {"type": "integer"},
}
Filename = Annotated[str | None, Query(max_length=500, description="The file's name.")]
Text = Annotated[str | None, Query(max_length=10_000)]


@router.post(
    "",
    status_code=201,
    response_model=DatasetView,
    openapi_extra=uploads.request_body(_FORM_FIELDS),
)
async def upload_dataset(
    request: Request,
    ctx: Ctx,
    caller: Caller,
    wait: Wait,
    filename: Filename = None,
    label_column: Annotated[Text, Query(description="CSV: the column to be predicted.")] = None,  # noqa: ARG001
    feature_columns: Annotated[Text, Query(description="CSV: comma-separated names.")] = None,  # noqa: ARG001
    validation_fraction: Annotated[float | None, Query(gt=0, lt=0.9)] = None,  # noqa: ARG001
    test_fraction: Annotated[float | None, Query(gt=0, lt=0.9)] = None,  # noqa: ARG001
    seed: Annotated[int | None, Query(ge=0, lt=2**31)] = None,  # noqa: ARG001
) -> Response:
    """Upload a dataset: .npz, .csv, a zip of .npy or of class folders; raw or as a form."""
    row = await uploads.take(request, ctx, caller, DATASET, filename, uploads.dataset_options)
    if wait:
        row = await uploads.settled(ctx, caller, DATASET, row.id, wait)
    return uploads.show(request, row, wait, status=201)


@router.get("")
def list_datasets(ctx: Ctx, caller: Caller, cut: Asked) -> Page[DatasetView]:
    """Datasets, newest first."""
    return uploads.page(ctx, caller, DATASET, cut)


@router.get("/{dataset_id}", response_model=DatasetView)
async def show_dataset(
    request: Request, ctx: Ctx, caller: Caller, wait: Wait, dataset_id: str
) -> Response:
    """One dataset; `Prefer: wait` holds the answer until it is checked."""
    row = await uploads.settled(ctx, caller, DATASET, dataset_id, wait)
    return uploads.show(request, row, wait)


@router.delete("/{dataset_id}", status_code=204, response_class=Response)
def delete_dataset(ctx: Ctx, caller: Caller, dataset_id: str) -> Response:
    """Delete a dataset and its bytes; refused while an unfinished job needs it."""
    return uploads.remove(ctx, caller, DATASET, dataset_id)
