// Makes the pages livelier; every page is complete without it.
import { follow } from "./live.js";
import { prepareUpload } from "./upload.js";

document.documentElement.classList.add("js");
// Whoever follows a problem to its field wants the field.
document.getElementById(location.hash.slice(1) || "problem")?.focus();

const live = document.getElementById("live");
if (live) follow(live);

const form = document.querySelector("form[data-upload]");
if (form) prepareUpload(form);

// The slider: its label follows the thumb, and letting go shows the size.
for (const slider of document.querySelectorAll(".level input[type=range]")) {
  const label = document.querySelector(`label[for="${slider.id}"]`);
  const sizes = new Map([...slider.list.options].map((option) => [option.value, option.label]));
  const [first] = label.textContent.split(",", 1);
  const rest = label.textContent.slice(first.length);
  slider.addEventListener("input", () => {
    const size = sizes.get(slider.value) ?? "–";
    label.textContent = size + rest.replace(/\d+/, slider.value);
    slider.setAttribute("aria-valuetext", label.textContent);
  });
  slider.addEventListener("change", () => slider.form.requestSubmit());
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = button.dataset.copy;
  });
}
