// Drop files on their fields, and see how far an upload is. Without it the form is a plain form.
export function prepareUpload(form) {
  for (const zone of form.querySelectorAll("[data-drop]")) {
    const input = zone.querySelector("input[type=file]");
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      if (event.dataTransfer.files.length === 1) input.files = event.dataTransfer.files;
    });
  }
  form.addEventListener("submit", (event) => {
    const chosen = [...form.querySelectorAll("input[type=file]")].some((one) => one.files.length);
    if (!chosen) return;
    event.preventDefault();
    send(form);
  });
}

function send(form) {
  const button = form.querySelector(".send .btn");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", button.textContent);
  form.querySelector(".send").append(bar);
  button.disabled = true;
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  request.addEventListener("load", () => {
    if (request.status < 400) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.title = page.title;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.getElementById("problem")?.focus();
    const next = document.querySelector("form[data-upload]");
    if (next) prepareUpload(next);
  });
  request.addEventListener("error", () => {
    // The connection broke: let the browser try, and show what it shows for that.
    form.submit();
  });
  request.open("POST", form.getAttribute("action"));
  request.setRequestHeader("Accept", "text/html");
  request.send(new FormData(form));
}
