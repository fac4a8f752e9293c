"""In a real Chromium: the journey without script and by keyboard, accessibility, live pages."""

from __future__ import annotations

import gzip
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.context import Context
from app.core.settings import Settings
from prunery.reports import render
from prunery.specs.job import Status
from tests.factories import reports
from tests.integration.api import files
from tests.integration.api.conftest import client_of
from tests.integration.api.live import Server
from tests.integration.api.worker import Worker
from tests.integration.web.scenes import DATA, MODEL, PRUNABILITY, Scenes
from tests.integration.web.test_pages import PAGES, address

pytestmark = pytest.mark.browser
Stage = tuple[Server, Scenes]
# Folded parts of one name fold each other.
UNFOLD = """for (const one of document.querySelectorAll("details")) {
  one.removeAttribute("name");
  one.open = true;
}"""
FOCUSED = "document.activeElement.id || document.activeElement.textContent"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def pictures() -> Path | None:
    """Where to leave pictures of pages for a person to look at; PRUNERY_TEST_PICTURES names it."""
    named = os.environ.get("PRUNERY_TEST_PICTURES")
    if named is None:
        return None
    Path(named).mkdir(parents=True, exist_ok=True)
    return Path(named)


def open_page(browser: Browser, server: Server, **options: object) -> Page:
    context: BrowserContext = browser.new_context(base_url=server.url, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


@pytest.mark.parametrize(
    ("theme", "width", "language"),
    [("light", 320, "en"), ("dark", 1280, "ru")],
)
def test_pages_have_no_accessibility_violation(
    browser: Browser,
    stage: Stage,
    pictures: Path | None,
    theme: str,
    width: int,
    language: str,
) -> None:
    server, scenes = stage
    page = open_page(
        browser,
        server,
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        locale=language,
    )
    found = []
    for name in PAGES:
        page.goto(address(scenes, name), wait_until="load")
        page.evaluate(UNFOLD)
        result = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert result.response["passes"]
        found += [
            f"{name}: {one['id']} {[node['html'][:120] for node in one['nodes'][:3]]}"
            for one in result.response["violations"]
        ]
        if pictures is not None:
            page.screenshot(
                path=pictures / f"{name}-{width}-{theme}-{language}.png", full_page=True
            )
    page.context.close()
    assert not found


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_is_wider_than_a_phone(browser: Browser, stage: Stage, language: str) -> None:
    server, scenes = stage
    phone = {"width": 320, "height": 640}
    page = open_page(browser, server, viewport=phone, locale=language)
    for name in (*PAGES, "queued", "cancelled", "fresh", "nothing"):
        page.goto(address(scenes, name), wait_until="load")
        page.evaluate(UNFOLD)
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name} is {wider} px wider than the screen"
    page.context.close()


def test_first_view_is_light_and_asks_no_stranger(browser: Browser, stage: Stage) -> None:
    server, _ = stage
    page = open_page(browser, server)
    got: list[tuple[str, bytes]] = []
    page.on("response", lambda answer: got.append((answer.url, answer.body())))
    page.goto("/", wait_until="networkidle")
    page.context.close()
    assert all(url.startswith(server.url) for url, _ in got)
    assert sum(len(gzip.compress(body)) for _, body in got) < 100_000
    scripts = sum(len(body) for url, body in got if ".js" in url)
    assert scripts < 15_000


@pytest.fixture
def helper(stage: Stage) -> Iterator[Worker]:
    """A worker beside the running server, on the same files."""
    server, _ = stage
    with client_of(Settings(data_dir=server.data_dir, min_free_disk_bytes=0)) as client:
        context: Context = client.app.state.context
        yield Worker(context)


def test_the_whole_journey_without_script(
    browser: Browser, stage: Stage, helper: Worker, tmp_path: Path
) -> None:
    server, _ = stage
    data = tmp_path / "clothes.npz"
    data.write_bytes(files.dataset())
    page = open_page(browser, server, java_script_enabled=False)
    page.goto("/")
    page.get_by_role("button", name="Check my files").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the file of your model.")
    page.locator("#model").set_input_files(files.ARTICLE)
    page.locator("#dataset").set_input_files(data)
    page.get_by_label("A quick look").check()
    page.get_by_role("button", name="Check my files").click()
    page.wait_for_url("**/check?**")
    kept = dict(pair.split("=") for pair in page.url.partition("?")[2].split("&"))
    helper.pass_model(kept["model"], MODEL, PRUNABILITY)
    helper.pass_dataset(kept["dataset"], DATA)
    page.goto(page.url)
    page.get_by_role("button", name="Start shrinking").click()
    page.wait_for_url("**/jobs/job_*")
    expect(page.locator("h1")).to_contain_text("Waiting to start")
    job_id = page.url.rpartition("/")[2]
    made = Scenes(None, helper)  # type: ignore[arg-type] - only rows and files are written
    made.succeed(job_id, reports.report())
    page.get_by_role("link", name="Check again").click()
    expect(page.locator("h1")).to_contain_text("4.4 times smaller")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the smaller model").click()
    assert waiting.value.suggested_filename.endswith("-compact.keras")
    page.locator("#lv").fill("3")
    page.get_by_role("button", name="Show size").click()
    expect(page.locator(".another")).to_contain_text("This is not the size we picked")
    page.context.close()


def test_a_running_page_follows_its_job(browser: Browser, stage: Stage, helper: Worker) -> None:
    server, scenes = stage
    with client_of(Settings(data_dir=server.data_dir, min_free_disk_bytes=0)) as client:
        here = Scenes(client, helper, scenes.model, scenes.dataset)
        job_id = here.new_job("Followed")
        page = open_page(browser, server)
        page.goto(f"/jobs/{job_id}")
        expect(page.locator("h1")).to_contain_text("Waiting to start")
        helper.move(job_id, Status.RUNNING, stage="dense", progress=0.1)
        expect(page.locator("h1")).to_have_text("Training your model at full size")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        here.climb(job_id, 3)
        helper.move(job_id, Status.RUNNING, stage="retraining", level=3, levels=8)
        helper.say(job_id, "level", level=2)
        expect(page.locator("h1")).to_have_text("Step 3 of 8: training again")
        expect(page.locator("#spoken")).to_contain_text("2 sizes are done")
        expect(page.get_by_role("button", name="Stop and keep the best")).to_be_visible()
        expect(page.locator("svg.chart.wide .dot")).to_have_count(3)
        with helper.context.database.session() as session:
            session.connection().exec_driver_sql(
                f"DELETE FROM job_levels WHERE job_id = '{job_id}'"  # noqa: S608 - our own id
            )
        here.succeed(job_id, reports.report())
        expect(page.locator("h1")).to_contain_text("4.4 times smaller")
        _try_sizes_by_keyboard(page)
        page.context.close()


def _try_sizes_by_keyboard(page: Page) -> None:
    """Each key shows another size, and the next key goes on from there."""
    slider = page.locator("#lv")
    shown = int(slider.input_value())
    slider.focus()
    for _ in range(2):
        shown -= 1
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"**?level={shown}#lv")
        expect(slider).to_be_focused()
        expect(slider).to_have_value(str(shown))


def test_the_form_is_reached_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    server, _ = stage
    page = open_page(browser, server)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_class("skip")
    page.keyboard.press("Enter")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
    order = [
        next(i for i, text in enumerate(seen) if want in text)
        for want in (
            "Try it with our sample",
            "model",
            "dataset",
            "Advanced settings",
            "Check my files",
        )
    ]
    assert all(a < b for a, b in itertools.pairwise(order))
    page.get_by_role("button", name="Check my files").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_be_focused()
    page.context.close()


def test_a_problem_leads_from_the_check_to_its_field(browser: Browser, stage: Stage) -> None:
    server, scenes = stage
    page = open_page(browser, server)
    page.goto(f"/check?model={scenes.model}&dataset={scenes.dataset}&protect=nowhere")
    expect(page.locator("#problem")).to_be_focused()
    page.locator("#problem a").click()
    expect(page.locator("#protect")).to_be_focused()
    expect(page.locator("#protect-wrong")).to_contain_text("The model has no layer 'nowhere'")
    page.context.close()


def test_script_shows_a_refused_upload_without_losing_the_page(
    browser: Browser, stage: Stage, tmp_path: Path
) -> None:
    server, _ = stage
    bad = tmp_path / "net.keras"
    bad.write_bytes(b"no zip at all")
    page = open_page(browser, server)
    page.goto("/")
    page.locator("#model").set_input_files(bad)
    page.get_by_label("As small as possible").check()
    page.get_by_role("button", name="Check my files").click()
    expect(page.locator("#problem")).to_be_focused()
    expect(page.get_by_label("As small as possible")).to_be_checked()
    assert page.title().startswith("Error:")
    page.context.close()


def test_a_report_opens_from_a_disk_and_prints_well(
    browser: Browser, tmp_path: Path, pictures: Path | None
) -> None:
    file = tmp_path / "report.html"
    hostile = "</style><img src=x onerror=document.title='owned'>"
    file.write_text(render(reports.report(name=hostile)), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri(), wait_until="load")
    page.evaluate("document.fonts.ready")
    assert page.title().startswith("</style>")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert not said
    assert page.evaluate("document.fonts.check('16px Onest')")
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Onest")
    printed = page.pdf(format="A4", print_background=True)
    context.close()
    if pictures is not None:
        (pictures / "report.pdf").write_bytes(printed)
    pages = printed.count(b"/Type /Page\n") or printed.count(b"/Type /Page ")
    assert 3 <= pages <= 8
