// Follows a job: events say that something changed, the server draws what is shown.
const PAUSE_MS = 900;

export function follow(live, spoken) {
  const source = new EventSource(live.dataset.events);
  let waiting = false;
  const look = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      await draw(live);
      waiting = false;
    }, PAUSE_MS);
  };
  source.addEventListener("stage", look);
  source.addEventListener("progress", look);
  source.addEventListener("level", async () => {
    look();
    await speak(live, spoken);
  });
  source.addEventListener("status", (event) => {
    if (JSON.parse(event.data).is_terminal) {
      source.close();
      location.reload();
    } else {
      look();
    }
  });
}

async function draw(live) {
  live.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${live.dataset.page}?fragment=true`);
    if (!answer.ok) return;
    live.innerHTML = await answer.text();
    document.title = `${live.querySelector("h1").textContent} – Prunery`;
  } catch {
    // Offline for a moment: the page keeps what it shows, the event source comes back by itself.
  } finally {
    live.removeAttribute("aria-busy");
  }
}

async function speak(live, spoken) {
  const answer = await fetch(live.dataset.page);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const words = page.getElementById("spoken")?.textContent;
  if (words && spoken) spoken.textContent = words;
}
