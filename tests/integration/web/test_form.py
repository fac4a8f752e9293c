"""The form: two files and a question, without JavaScript; a problem loses no other answer."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.core.tables import DatasetTable, JobTable
from tests.integration.api import files
from tests.integration.api.worker import Worker
from tests.integration.web.scenes import DATA, MODEL, PRUNABILITY

Files = dict[str, tuple[str, bytes, str]]


def both() -> Files:
    return {
        "model_file": ("article.keras", files.ARTICLE.read_bytes(), "application/octet-stream"),
        "dataset_file": ("clothes.npz", files.dataset(), "application/octet-stream"),
    }


def test_files_and_answers_lead_to_the_check(web: TestClient) -> None:
    sent = {"preset": "smallest", "name": "Cloths", "rounds": "4", "seed": "7"}
    answer = web.post("/", files=both(), data=sent)
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    kept = parse_qs(address.query)
    assert address.path == "/check"
    assert kept["preset"] == ["smallest"]
    assert kept["rounds"] == ["4"]
    assert kept["model"][0].startswith("mdl_")
    assert kept["dataset"][0].startswith("dst_")


def test_a_bad_dataset_keeps_the_model_and_every_answer(web: TestClient) -> None:
    sent = {**both(), "dataset_file": ("x.npz", b"not a zip", "application/octet-stream")}
    answer = web.post("/", files=sent, data={"preset": "quick", "name": "Mine"})
    assert answer.status_code == 422
    text = answer.text
    assert "<title>Error:" in text
    assert 'href="#dataset"' in text
    assert re.search(r'name="model" value="mdl_', text)
    assert 'value="quick" checked' in text
    assert 'value="Mine"' in text
    # The second try needs the dataset alone.
    model_id = re.search(r'name="model" value="(mdl_[^"]+)"', text)
    assert model_id is not None
    again = web.post(
        "/",
        files={"dataset_file": both()["dataset_file"]},
        data={"model": model_id[1], "preset": "quick"},
    )
    assert again.status_code == 303
    assert model_id[1] in again.headers["location"]


def test_missing_files_are_named_with_links_to_their_fields(web: TestClient) -> None:
    answer = web.post("/", files={"model_file": ("", b"", "")}, data={"preset": "balanced"})
    assert answer.status_code == 422
    assert 'href="#model"' in answer.text
    assert 'href="#dataset"' in answer.text
    assert answer.text.index('id="problem"') < answer.text.index("<h1>")


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", "many"), ("rounds", "0"), ("fraction", "1.5"), ("limit", "-1"), ("seed", "x")],
)
def test_a_wrong_setting_is_shown_beside_its_field(web: TestClient, field: str, value: str) -> None:
    answer = web.post("/", files=both(), data={"preset": "balanced", field: value})
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}-wrong"' in answer.text
    assert f'value="{value}"' in answer.text
    assert re.search(r'<details class="quiet special" open>', answer.text)


def test_what_is_no_number_is_told_in_plain_words(web: TestClient) -> None:
    answer = web.post("/", files=both(), data={"preset": "balanced", "epochs": "ten"})
    assert '<a href="#epochs">Epochs of training: Write a number.</a>' in answer.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("layer_fractions", "conv1", "Write name=number, separated by commas."),
        ("n_m", "four", "Write two numbers, such as 2, 4."),
        ("parameters", "half", "Write a number."),
        ("rounds", "1,000", "Write a number."),
        ("size_bytes", "20,000", "Write a number."),
    ],
)
def test_what_cannot_be_read_is_told_how_to_write(
    web: TestClient, field: str, value: str, said: str
) -> None:
    answer = web.post("/", files=both(), data={"preset": "balanced", field: value})
    assert answer.status_code == 422
    assert f": {said}</a>" in answer.text
    assert f'id="{field}-wrong"' in answer.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("epochs", "inf", "number"),
        ("limit", "nan", "finite"),
    ],
)
def test_a_number_without_end_is_refused_beside_its_field(
    web: TestClient, field: str, value: str, said: str
) -> None:
    answer = web.post("/", files=both(), data={"preset": "balanced", field: value})
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-wrong">[^<]*{said}', answer.text)


def test_ticked_controls_stay_ticked(web: TestClient) -> None:
    sent = {"preset": "balanced", "control_random": "yes", "epochs": "many"}
    text = web.post("/", files=both(), data=sent).text
    assert 'name="control_random" value="yes" checked' in text
    assert 'name="control_small" value="yes">' in text


def test_a_model_from_before_training_goes_with_the_job(web: TestClient, worker: Worker) -> None:
    before = ("before.keras", files.ARTICLE.read_bytes(), "application/octet-stream")
    sent = {"preset": "balanced", "start": "trained", "rewind": "initial"}
    without = web.post("/", files=both(), data=sent)
    assert without.status_code == 422
    assert 'id="rewind-wrong"' in without.text
    answer = web.post("/", files={**both(), "initial_file": before}, data=sent)
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    kept = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    worker.pass_model(kept["model"], MODEL, PRUNABILITY)
    worker.pass_model(kept["initial"], MODEL, PRUNABILITY)
    worker.pass_dataset(kept["dataset"], DATA)
    assert "Ready to start" in web.get(address).text
    job_id = web.post("/jobs", data=kept).headers["location"].removeprefix("/jobs/")
    other = MODEL.model_copy(update={"kernel_paths": ("elsewhere",)})
    worker.pass_model(kept["model"], other, PRUNABILITY)
    assert "saved before it was trained" in web.get(address).text
    with web.app.state.context.database.reading() as session:
        assert session.get_one(JobTable, job_id).initial_model_id == kept["initial"]


def test_any_field_of_a_recipe_can_be_given_as_json(web: TestClient) -> None:
    more = '{"rewind": {"to": "epoch", "at": 2}, "training": {"epochs": 9}, "scope": "layer"}'
    answer = web.post("/", files=both(), data={"epochs": "7", "more": more})
    assert answer.status_code == 303
    wrong = web.post("/", files=both(), data={"more": '{"scope": "everywhere"}'})
    assert wrong.status_code == 422
    misspelt = web.post("/", files=both(), data={"more": '{"training": {"epoch": 3}}'})
    said = "Any other field of a recipe (training.epoch): There is no such field. Did you mean"
    assert f'<a href="#more">{said}' in html.unescape(misspelt.text)
    plain = web.post("/", files=both(), data={"more": "smaller, please"})
    assert "Any other field of a recipe: Write a JSON object." in plain.text


def test_single_weights_bring_the_controls_that_fit_them(web: TestClient) -> None:
    answer = web.post("/", files=both(), data={"preset": "balanced", "granularity": "weight"})
    assert answer.status_code == 303


def test_hostile_answers_stay_text(web: TestClient) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = web.post("/", files=both(), data={"name": hostile, "epochs": hostile})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_the_check_waits_then_shows_what_was_found(web: TestClient, worker: Worker) -> None:
    address = web.post("/", files=both(), data={"preset": "balanced"}).headers["location"]
    kept = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    worker.pass_model(kept["model"], MODEL, PRUNABILITY)
    worker.pass_dataset(kept["dataset"], DATA)
    page = web.get(address)
    assert "Refresh" not in page.headers
    assert "Ready to start" in page.text
    assert "282,160" in page.text
    assert "10 kinds" in page.text
    assert re.search(r"This takes (about|less than)[^<]+\.</b>", page.text)
    assert "A rough guess" in page.text
    assert "Это займёт" in web.get(f"{address}&lang=ru").text
    started = web.post("/jobs", data=kept)
    assert started.status_code == 303
    assert started.headers["location"].startswith("/jobs/job_")


def test_what_the_check_refuses_is_marked_in_the_form(web: TestClient, worker: Worker) -> None:
    sent = {"preset": "balanced", "protect": "nowhere"}
    address = web.post("/", files=both(), data=sent).headers["location"]
    kept = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    worker.pass_model(kept["model"], MODEL, PRUNABILITY)
    worker.pass_dataset(kept["dataset"], DATA)
    text = web.get(address).text
    assert "Something has to be changed" in text
    found = re.search(r'href="([^"]+)#protect"', text)
    assert found is not None
    form = web.get(html.unescape(found[1])).text
    assert re.search(r'<input id="protect"[^>]* aria-invalid="true"', form)


def test_a_file_that_the_sandbox_rejects_is_told_with_its_reason(
    web: TestClient, worker: Worker
) -> None:
    address = web.post("/", files=both(), data={"preset": "balanced"}).headers["location"]
    kept = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    worker.pass_model(kept["model"], MODEL, PRUNABILITY)
    worker.reject(DatasetTable, kept["dataset"])
    page = web.get(address)
    assert page.status_code == 200
    assert "These files need a change" in page.text
    assert "Keras cannot load it." in page.text
    assert "Start shrinking" not in page.text
    form = web.get(address.replace("/check", "/")).text
    assert 'href="#dataset">Keras cannot load this model. Choose the file again.' in form
    assert "article.keras" in form


def test_another_site_cannot_send_the_form(web: TestClient) -> None:
    answer = web.post(
        "/", files=both(), data={"preset": "quick"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert "<h1>Not allowed</h1>" in answer.text
