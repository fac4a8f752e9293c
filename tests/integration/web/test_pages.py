"""Every page in both languages: what it says, what it allows, where its forms lead."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.core.settings import Settings
from app.core.tables import LOCAL_OWNER
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.job import Status
from tests.factories import reports
from tests.integration.api.conftest import client_of
from tests.integration.web.scenes import Scenes

PAGES = ("home", "jobs", "help", "model", "check", "running", "failed", "done", "report")


def address(scenes: Scenes, page: str) -> str:
    fixed = {
        "home": "/",
        "jobs": "/jobs",
        "help": "/help",
        "model": f"/models/{scenes.model}",
        "check": f"/check?model={scenes.model}&dataset={scenes.dataset}",
        "report": f"/jobs/{scenes.jobs['done']}/report",
    }
    return fixed.get(page) or f"/jobs/{scenes.jobs[page]}"


def test_every_page_speaks_both_languages_and_allows_no_inline_code(scenes: Scenes) -> None:
    for page in (*PAGES, "queued", "cancelled", "fresh", "nothing"):
        for language in ("en", "ru"):
            answer = scenes.client.get(
                address(scenes, page), headers={"Accept-Language": f"{language};q=0.9"}
            )
            assert answer.status_code == 200, page
            assert f'<html lang="{language}">' in answer.text
            assert answer.text.count("<h1>") == 1
            assert not re.search(r"<style|<script>|\sstyle=|\son[a-z]+=", answer.text)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


def test_russian_pages_hold_no_english_frame(scenes: Scenes) -> None:
    text = scenes.client.get(address(scenes, "done"), headers={"Accept-Language": "ru"}).text
    for words in ("Download", "Why you", "Before", "smaller", "Files", "mistakes"):
        assert words not in re.sub(r"<(code|pre).*?</\1>|<[^>]+>", " ", text)


def test_language_is_chosen_by_address_and_kept(web: TestClient) -> None:
    chosen = web.get("/?lang=ru")
    assert "Сделайте нейросеть меньше" in chosen.text
    assert "Сделайте нейросеть меньше" in web.get("/help/../").text
    assert "Make your neural network" in web.get("/?lang=en").text
    assert "Make your neural network" in web.get("/?lang=xx").text


def test_running_page_says_where_it_stands(scenes: Scenes) -> None:
    text = scenes.client.get(address(scenes, "running")).text
    assert "<title>Step 5 of 8: training again" in text
    assert "About 19 minutes left" in text
    assert 'value="47"' in text
    assert "already 2.3" in text
    assert 'class="chart wide"' in text


def test_an_unknown_stage_reads_working(scenes: Scenes) -> None:
    scenes.worker.move(scenes.jobs["running"], Status.RUNNING, stage="meditating", level=None)
    assert "<h1>Working</h1>" in scenes.client.get(address(scenes, "running")).text


def test_refresh_is_opt_in_and_a_header(scenes: Scenes) -> None:
    plain = scenes.client.get(address(scenes, "running"))
    asked = scenes.client.get(address(scenes, "running") + "?refresh=15")
    assert "refresh" not in plain.headers
    assert asked.headers["refresh"] == "15"
    assert "http-equiv" not in asked.text


def test_slider_is_a_form_that_shows_another_size(scenes: Scenes) -> None:
    text = scenes.client.get(address(scenes, "done") + "?level=3").text
    assert 'value="3"' in text
    assert "This is not the size we picked" in text
    assert f"/jobs/{scenes.jobs['done']}/files/levels/3/model.keras" in text
    chosen = scenes.client.post(f"/jobs/{scenes.jobs['done']}/levels/3/choose")
    assert chosen.status_code == 303
    assert chosen.headers["location"] != address(scenes, "done")


def test_the_report_is_saved_in_the_readers_language(scenes: Scenes) -> None:
    page = scenes.client.get(address(scenes, "done") + "?lang=ru").text
    saved = scenes.client.get(f"{address(scenes, 'done')}/report.html?lang=ru")
    assert f'href="{address(scenes, "done")}/report.html"' in page
    assert '<html lang="ru"' in saved.text
    assert saved.headers["content-disposition"].startswith("attachment")
    assert "style-src 'sha256-" in saved.headers["content-security-policy"]


def test_download_is_an_attachment_under_a_telling_name(scenes: Scenes) -> None:
    answer = scenes.client.get(f"/jobs/{scenes.jobs['done']}/files/model.keras")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert "compact.keras" in answer.headers["content-disposition"]


def test_a_job_is_steered_by_forms(scenes: Scenes) -> None:
    cancelled = scenes.client.post(f"/jobs/{scenes.jobs['queued']}/cancel")
    assert cancelled.headers["location"] == address(scenes, "queued")
    assert "This job was cancelled" in scenes.client.get(address(scenes, "queued")).text
    again = scenes.client.post(f"/jobs/{scenes.jobs['failed']}/retry")
    assert again.headers["location"].startswith("/jobs/job_")
    late = scenes.client.post(f"/jobs/{scenes.jobs['done']}/cancel")
    assert late.status_code == 409
    assert "<h1>The job cannot do that now</h1>" in late.text


def test_a_result_leads_to_what_its_report_says_of_every_kind(scenes: Scenes) -> None:
    target = f"{address(scenes, 'done')}/report"
    assert f'href="{target}#kd"' in scenes.client.get(address(scenes, "done")).text
    assert 'id="kd"' in scenes.client.get(target).text


def test_a_result_speaks_of_fields_in_the_words_of_the_form(scenes: Scenes) -> None:
    job_id = scenes.new_job("Still gaining")
    warning = (
        "The dense training was still gaining when its 14 epochs were over: smaller models, "
        "trained on from it, may owe their figures to that. For a fair comparison raise "
        "training.epochs."
    )
    hostile = "Layer <b>scope</b> was left with 3 of 150 units."
    scenes.succeed(job_id, reports.report(warnings=(warning, hostile)))
    page = scenes.client.get(f"/jobs/{job_id}").text
    assert "For a fair comparison raise “Epochs of training”." in page
    assert "Layer &lt;b&gt;scope&lt;/b&gt; was left" in page
    russian = scenes.client.get(f"/jobs/{job_id}?lang=ru").text
    notes = re.search(r'class="notes".*?</section>', russian, re.DOTALL)
    assert notes is not None
    assert "эпох" in notes[0]
    assert "training.epochs" not in notes[0]
    kept = scenes.client.get(f"/jobs/{job_id}/files/report.html").text
    assert "raise training.epochs." in kept


def test_a_failed_job_says_what_where_and_what_to_do(scenes: Scenes) -> None:
    text = scenes.client.get(address(scenes, "failed")).text
    assert "The loss became infinite in epoch 3 of level 0." in text
    assert "Lower “Learning rate” or set “Scale of the inputs”" in text
    russian = scenes.client.get(address(scenes, "failed"), headers={"Accept-Language": "ru"}).text
    assert "Обучение разошлось" in russian


def test_a_failed_job_is_told_in_the_words_of_the_form_and_leads_back_to_its_answers(
    scenes: Scenes,
) -> None:
    job_id = scenes.new_job(
        "Photos", data={"scale": "0..1"}, training={"optimizer": "adam", "epochs": 7}
    )
    wrong = FieldError(pointer="/data/scale", message='Does not fit: write "-1..1".')
    error = of_fields([wrong]).problem(stage="checking").model_dump(mode="json")
    scenes.worker.move(job_id, Status.FAILED, error=error)
    text = scenes.client.get(f"/jobs/{job_id}").text
    for raw in ("/recipe", "data.scale", "/data/scale"):
        assert raw not in text
    led = re.search(r'<a href="([^"]+)#scale">Scale of the inputs: Does not fit: choose “−1', text)
    assert led is not None
    form = scenes.client.get(html.unescape(led[1])).text
    assert re.search(r'<option value="0..1" selected>', form)
    assert re.search(r'<input id="epochs"[^>]* value="7"', form)
    assert re.search(r'<input id="optimizer"[^>]* value="adam"', form)
    assert f'href="{led[1]}">Change something</a>' in text


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/job_0", "/models/mdl_0", "/jobs/x/fly"])
def test_an_address_of_nothing_has_a_page(web: TestClient, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<title>Error:" in answer.text


def test_a_service_gets_json_where_a_person_gets_a_page(web: TestClient) -> None:
    answer = web.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_empty_list_offers_the_sample(web: TestClient) -> None:
    assert "Try it with our sample" in web.get("/jobs").text


def test_static_files_may_be_kept_and_nothing_else_is_served(web: TestClient) -> None:
    style = re.search(r'href="(/static/style.css\?v=[^"]+)"', web.get("/").text)
    assert style is not None
    answer = web.get(style[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    for path in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static/nothing.js"):
        assert web.get(path).status_code == 404


def test_with_keys_a_browser_signs_in(settings: Settings) -> None:
    with client_of(settings.model_copy(update={"auth": "on"})) as client:
        client.headers["Accept"] = "text/html"
        client.follow_redirects = False
        with client.app.state.context.database.session() as session:
            _, key = accounts.create_key(session, LOCAL_OWNER, "test")
        refused = client.get("/jobs")
        assert refused.status_code == 401
        assert 'name="key"' in refused.text
        assert client.post("/signin", data={"key": "prn_wrong"}).status_code == 401
        entered = client.post("/signin", data={"key": key, "next": "//evil.example/"})
        assert entered.headers["location"] == "/"
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Sign out" in client.get("/jobs").text
        assert client.post("/signout").status_code == 303
        assert client.get("/jobs").status_code == 401


def test_what_a_file_holds_besides_the_model_is_explained(scenes: Scenes) -> None:
    assert "its optimizer remembers" not in scenes.client.get(address(scenes, "done")).text
    usual = reports.report()
    job_id = scenes.new_job("With an optimizer that remembers")
    compact = usual.compact.model_copy(update={"size_bytes": 7000})
    scenes.succeed(job_id, usual.model_copy(update={"compact": compact}))
    text = scenes.client.get(f"/jobs/{job_id}").text
    assert "The file to download takes 8.00\u00a0kB: it also holds what its optimizer" in text


def test_a_result_leads_back_to_its_answers(scenes: Scenes) -> None:
    text = scenes.client.get(address(scenes, "done")).text
    led = re.search(r'href="(/\?[^"]+)">Change something</a>', text)
    assert led is not None
    assert "clothes.npz" in scenes.client.get(html.unescape(led[1])).text


@pytest.mark.parametrize(
    ("verb", "said"),
    [("finish", "the best size so far is packed next"), ("pause", "asked to pause")],
)
def test_what_was_asked_of_a_running_job_is_acknowledged(
    scenes: Scenes, verb: str, said: str
) -> None:
    page = address(scenes, "running")
    assert said not in scenes.client.get(page).text
    scenes.client.post(f"{page}/{verb}")
    text = scenes.client.get(page).text
    assert said in text
    assert f'action="{page}/{verb}"' not in text
    assert f'action="{page}/cancel"' in text
