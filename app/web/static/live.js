// Follows a job: events say that something changed, the server draws what is shown.
const PAUSE_MS = 900;
// What may change: how far it is, what can be done about it, what is read aloud.
const PARTS = ["live", "steer", "spoken"];

export function follow(live) {
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
  source.addEventListener("level", look);
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
    const answer = await fetch(live.dataset.page);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of PARTS) {
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      // What is the same stays: a button keeps its focus, and nothing is read twice.
      if (old && fresh && old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML;
    }
    if (page.getElementById("live")) document.title = page.title;
  } catch {
    // Offline for a moment: the page keeps what it shows, the event source comes back by itself.
  } finally {
    live.removeAttribute("aria-busy");
  }
}
