"""Certificate, ticket, report and the archive of everything."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

EXPECTED = (
    "model.keras", "masked.keras", "ticket.npz", "certificate.json", "report.json", "report.html",
    "all.zip",
)  # fmt: skip
CERTIFICATE_FIELDS = {
    "format", "masked_sha256", "compact_sha256", "parameters", "keep", "folded", "rescaled",
    "max_abs_diff_float64", "max_rel_diff_native", "output_variation", "inputs", "not_removed",
}  # fmt: skip


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def certificate(out: Path, document: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    """Format 1, hashes of the files beside it, counts of the models."""
    missing = CERTIFICATE_FIELDS - set(document)
    if missing:
        yield f"certificate.json lacks {sorted(missing)}"
        return
    if document["format"] != 1:
        yield "certificate.json is not of format 1"
    for name, field in (("masked.keras", "masked_sha256"), ("model.keras", "compact_sha256")):
        if document[field] != sha256(out / name):
            yield f"certificate.json: {field} is not the hash of {name}"
    if dict(document["parameters"]) != dict(counts):
        yield f"certificate.json: parameters are {document['parameters']}, not {dict(counts)}"


def ticket(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[str]]:
    """Masks and rewound weights by key, and what is wrong with them."""
    problems, masks, rewound = [], {}, {}
    with np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            kind, _, key = name.partition("/")
            if kind not in ("mask", "rewound") or not key:
                problems.append(f"ticket.npz holds {name}")
                continue
            (masks if kind == "mask" else rewound)[key] = archive[name]
    if set(masks) != set(rewound):
        problems.append(f"ticket.npz: {sorted(set(masks) ^ set(rewound))} lack mask or weights")
    for key, mask in masks.items():
        if mask.dtype != bool:
            problems.append(f"ticket.npz: the mask of {key} is {mask.dtype}")
        if key in rewound and rewound[key].shape != mask.shape:
            problems.append(f"ticket.npz: {key} has weights and mask of different shapes")
    return masks, rewound, problems


def report(out: Path, upload: Path) -> Iterator[str]:
    """report.json carries what repeats it; report.html loads nothing from anywhere."""
    document = json.loads((out / "report.json").read_text("utf-8"))
    method = document.get("method", {})
    for field in ("recipe", "seeds", "versions", "command", "model_sha256"):
        if not method.get(field):
            yield f"report.json: method.{field} is empty"
    if method.get("model_sha256") not in (None, sha256(upload)):
        yield "report.json: method.model_sha256 is not the upload's"
    page = (out / "report.html").read_text("utf-8")
    loads = re.findall(
        r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']?(?!data:|#)([^\"'> ]+)", page
    )
    if loads or "@import" in page:
        yield f"report.html loads {loads[:3] or 'a style sheet'}"


def archive(out: Path) -> Iterator[str]:
    """all.zip holds every other file, and a manifest of sizes and checksums that is true."""
    with zipfile.ZipFile(out / "all.zip") as zipped:
        names = set(zipped.namelist()) - {"manifest.json"}
        manifest = _entries(json.loads(zipped.read("manifest.json")))
        if set(manifest) != names:
            yield f"manifest.json and all.zip differ: {sorted(set(manifest) ^ names)[:5]}"
        for name in names & set(manifest):
            content = zipped.read(name)
            size, digest = manifest[name]
            if size != len(content) or digest != hashlib.sha256(content).hexdigest():
                yield f"manifest.json is wrong about {name}"
    for name in EXPECTED[:-1]:
        if name not in names:
            yield f"all.zip lacks {name}"


def _entries(manifest: Any) -> dict[str, tuple[int, str]]:
    files = manifest.get("files", manifest) if isinstance(manifest, dict) else manifest
    if isinstance(files, dict):
        files = [{"name": name, **entry} for name, entry in files.items()]
    return {
        entry.get("name", entry.get("path")): (
            entry.get("size_bytes", entry.get("size")),
            entry["sha256"],
        )
        for entry in files
    }
