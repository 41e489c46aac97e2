// The few things that a page cannot do without a script. Everything else is htmx.
const dark = () =>
  (document.documentElement.dataset.bsTheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function switchTheme() {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.bsTheme = theme;
  localStorage.setItem("theme", theme);
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("c-copied");
  setTimeout(() => button.classList.remove("c-copied"), 1200);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-theme-switch], [data-copy], [data-dismiss], [data-close]");
  if (!target) return;
  if ("themeSwitch" in target.dataset) switchTheme();
  if ("copy" in target.dataset) copy(target);
  if ("dismiss" in target.dataset) target.closest(".c-toast, .c-note").remove();
  if ("close" in target.dataset) target.closest("dialog").close();
});

// A fragment that brings a <dialog> opens it; an HX-Trigger "close-dialog" closes it.
document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.target.id === "dialog" && event.target.querySelector("dialog");
  if (dialog && !dialog.open) dialog.showModal();
});
document.addEventListener("close-dialog", () => document.querySelector("#dialog dialog")?.close());

// A form is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  else if (!form.hasAttribute("hx-post") && form.method === "post") {
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 4000);
  }
});

// Ticked rows: the box in the head ticks all of the page, and the bar says how many.
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-pick-all], [name=pick], [name=everything]")) return;
  const boxes = [...document.querySelectorAll("[name=pick]")];
  if ("pickAll" in event.target.dataset) for (const box of boxes) box.checked = event.target.checked;
  const ticked = boxes.filter((box) => box.checked).length;
  const head = document.querySelector("[data-pick-all]");
  head.checked = ticked === boxes.length;
  head.indeterminate = ticked > 0 && ticked < boxes.length;
  const everything = document.querySelector("[name=everything]");
  if (everything && !ticked) everything.checked = false;
  const said = document.querySelector("[data-picked]");
  if (said) said.textContent = everything?.checked ? "All selected" : `${ticked} selected`;
});

// Files are looked at as soon as they are chosen.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("input[data-sends]") && event.target.files.length) event.target.form.requestSubmit();
});

// A drop zone hands its files to the file input inside it.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("c-drop-over", kind === "dragover");
    if (kind !== "drop") return;
    const input = zone.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// Ctrl+K opens the search; arrows walk its results.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.querySelector("[data-search]")?.click();
  }
  const inside = event.target.closest?.(".c-search-dialog");
  if (!inside || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const stops = [inside.querySelector("input"), ...inside.querySelectorAll(".c-hits a")];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[Math.max(0, Math.min(next, stops.length - 1))].focus();
});
