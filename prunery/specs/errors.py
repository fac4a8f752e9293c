"""Every error a person or a service can meet, and the problem document it becomes (RFC 9457).

One exception, one table: a code is stable, is documented here, and never changes its status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from prunery.specs.base import Wire


class Kind(NamedTuple):
    """What every error of one code has in common."""

    status: int
    title: str
    hint: str


CODES: dict[str, Kind] = {
    # requests
    "request_invalid": Kind(422, "The request is not valid", "Mend the fields named in errors and send it again."),
    "body_invalid": Kind(400, "The body cannot be read", "Send the body in the format that the documentation names."),
    "body_too_short": Kind(400, "The body ended early", "Send the upload again, whole."),
    "digest_mismatch": Kind(400, "The checksum does not match", "The file changed on its way: upload it again."),
    "unauthorized": Kind(401, "A key is needed", "Send the header Authorization: Bearer <key>."),
    "forbidden": Kind(403, "Not allowed", "Use a key with the right scope, or open the page from this server."),
    "not_found": Kind(404, "Not found", "Check the address or the id; files past their time are deleted."),
    "method_not_allowed": Kind(405, "Method not allowed", "See the header Allow for what this address accepts."),
    "conflict": Kind(409, "Not possible in this state", "Look at the object's status first."),
    "transition_impossible": Kind(409, "The job cannot do that now", "Look at the job's status first."),
    "upload_not_ready": Kind(409, "The upload is still being checked", "Ask again after Retry-After seconds."),
    "upload_rejected": Kind(409, "The upload was rejected", "Read its error, mend the file and upload it again."),
    "in_use": Kind(409, "Something still needs this", "Cancel the jobs that use it, then delete it."),
    "gone": Kind(410, "The files were deleted", "Files are kept for a limited time: run the job again."),
    "upload_too_large": Kind(413, "The file is too large", "See GET /v1/limits for the largest size accepted."),
    "media_type_unsupported": Kind(415, "Media type not supported", "Send application/octet-stream, multipart/form-data or JSON."),
    "range_not_satisfiable": Kind(416, "That range does not exist", "Ask for a range within the file's size."),
    "quota_exceeded": Kind(429, "A limit is reached", "Wait for running work to end, or delete what is not needed."),
    "disk_full": Kind(507, "The server has no room", "Delete files that are not needed, or ask the operator for room."),
    "internal": Kind(500, "Something broke on our side", "Try again; if it persists, tell the operator the request id."),
    "not_available_yet": Kind(422, "Not available yet", "Leave this field at its default; it is planned, not built."),
    # recipes
    "recipe_invalid": Kind(422, "The recipe is not valid", "Each entry of errors names a field and what to write instead."),
    "preset_unknown": Kind(422, "No such preset", "GET /v1/recipes lists the presets."),
    # files
    "file_empty": Kind(422, "The file is empty", "Save it again and upload it whole."),
    "file_type_mismatch": Kind(422, "The content does not fit the file's name", "Rename the file to what it is, or save it again."),
    "file_type_unsupported": Kind(422, "This kind of file is not supported", "Models: .keras or .h5. Data: .npz, .csv, or a .zip."),
    "archive_invalid": Kind(422, "The archive is damaged or unusual", "Save it again with Keras, NumPy or an ordinary zip program."),
    "archive_too_large": Kind(422, "The archive unpacks to too much", "Send less, or split it."),
    "archive_unsafe_path": Kind(422, "The archive names an unsafe path", "Zip the files by relative names only."),
    "archive_encrypted": Kind(422, "The archive is encrypted", "Zip it without a password."),
    # models
    "model_unsafe_object": Kind(422, "The model holds something that could run code", "Replace it by built-in layers and save again."),
    "model_custom_object": Kind(422, "The model uses a class that is not part of Keras", "Build the layer of built-in ones and keras.ops, or leave it out of the saved model."),
    "model_external_reference": Kind(422, "The model refers to a file outside itself", "Save the model with the content inline."),
    "model_config_invalid": Kind(422, "The model's configuration cannot be read", "Save it again with model.save('net.keras')."),
    "model_layer_name": Kind(422, "A layer has an unusable name", "Rename the layer with letters, digits, - and _."),
    "model_too_large": Kind(422, "The model is larger than this server accepts", "See GET /v1/limits."),
    "model_weights_invalid": Kind(422, "The model's weights do not fit its layers", "Save the whole model again with model.save('net.keras')."),
    "model_weights_only": Kind(422, "The file holds weights but no architecture", "Save the whole model with model.save('net.keras')."),
    "model_cannot_load": Kind(422, "Keras cannot load this model", "Load it with your own Keras and save it as .keras."),
    "hdf5_unsafe_feature": Kind(422, "The HDF5 file uses a feature that is not accepted", "Save the model as .keras."),
    "hdf5_too_large": Kind(422, "The HDF5 file declares too much", "Save the model as .keras."),
    # datasets
    "dataset_pickled": Kind(422, "The arrays are pickled Python objects", "Convert them to numbers before np.savez; objects are never read."),
    "dataset_dtype_unsupported": Kind(422, "An array has a type that cannot be trained on", "Save numbers: integers, floats or booleans."),
    "dataset_too_large": Kind(422, "The dataset is larger than this server accepts", "See GET /v1/limits."),
    "dataset_invalid": Kind(422, "The dataset does not add up", "The detail names the array and what is wrong with it."),
    "dataset_mismatch": Kind(422, "Model and dataset do not fit", "Each entry of errors names the array, what was expected and what was found."),
    "image_invalid": Kind(422, "An image cannot be read", "Send PNG, JPEG, WebP or BMP; remove the named file."),
    "image_too_large": Kind(422, "An image is too large", "Resize images to at most 25 megapixels."),
    "csv_invalid": Kind(422, "The CSV file cannot be read", "UTF-8, one header row, the same number of fields in each row."),
    "csv_too_wide": Kind(422, "The CSV file has too many columns", "At most 4,096 columns and 1,000 classes."),
    "csv_label_ambiguous": Kind(
        422,
        "The label column is not clear",
        "Name it with label_column; a table without one, for an autoencoder, is sent as .npz, "
        "with an array x alone.",
    ),
    # jobs
    "loss_missing": Kind(422, "The model was saved without a loss", "Set training.loss, or compile the model before saving it."),
    "loss_mismatch": Kind(422, "The loss does not fit the labels", "Set training.loss to the value that the detail names."),
    "training_diverged": Kind(422, "Training diverged", "Lower training.learning_rate or set data.scale."),
    "training_stuck": Kind(422, "Training cannot move the loss", "Check learning rate, labels and data.scale."),
    "not_proven": Kind(422, "Exactness could not be proven", "Report this model to the operator; nothing unproven is handed out."),
    "out_of_memory": Kind(422, "The job ran out of memory", "Use a smaller batch_size or a smaller model, or ask the operator."),
    "deadline_exceeded": Kind(422, "The job ran past its deadline", "Raise deadline_seconds, or train for fewer epochs."),
    "engine_crashed": Kind(500, "The engine stopped unexpectedly", "Try again; if it persists, tell the operator the job id."),
    "worker_lost": Kind(500, "The worker died too often on this job", "Tell the operator the job id."),
    "sandbox_unavailable": Kind(503, "The sandbox is not available", "The operator must enable Landlock, or set sandbox_required to false."),
    "service_unavailable": Kind(503, "A part of the service is down", "Try again in a minute."),
}  # fmt: skip


def pointer_to(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


FILE = "/file"


class FieldError(Wire):
    """One wrong field: a JSON pointer into the body, and what to write instead.

    Of what is inside a file `/file/` and where: a member, an array, a layer; a row, and its column.
    """

    pointer: str
    message: str


class Problem(Wire):
    """An `application/problem+json` document; a failed job carries one in `error`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    request_id: str | None = None
    stage: str | None = None
    errors: tuple[FieldError, ...] = ()


class PruneryError(Exception):
    """What went wrong, where, and what to do; `code` must be a key of `CODES`."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        kind = CODES[code]
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.status = kind.status
        self.title = kind.title
        self.detail = detail
        self.hint = hint if hint is not None else kind.hint
        self.errors = tuple(errors)

    def at(self, *place: str | int) -> PruneryError:
        """The same, with its place in a file where it names none yet."""
        if not self.errors:
            where = pointer_to(FILE[1:], *(str(part)[:120] for part in place))
            self.errors = (FieldError(pointer=where, message=self.detail),)
        return self

    def problem(self, *, request_id: str | None = None, stage: str | None = None) -> Problem:
        """The document that travels."""
        return Problem(
            type=f"urn:prunery:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            hint=self.hint,
            request_id=request_id,
            stage=stage,
            errors=self.errors,
        )


def of_fields(found: Sequence[FieldError], code: str = "recipe_invalid") -> PruneryError:
    """The error that some findings are; its detail is the first: `data.scale: write ...`."""
    place = found[0].pointer.removeprefix("/").replace("/", ".")
    return PruneryError(code, f"{place}: {found[0].message}", errors=found)


def in_request(errors: Sequence[FieldError]) -> tuple[FieldError, ...]:
    """Those that can be mended in the request; a place in a file only says again where it is."""
    return tuple(one for one in errors if not one.pointer.startswith(f"{FILE}/"))


def raise_problem(problem: Problem) -> None:
    """Raise the error that a problem document describes (client and worker side)."""
    code = problem.code if problem.code in CODES else "internal"
    raise PruneryError(code, problem.detail, hint=problem.hint, errors=problem.errors)
