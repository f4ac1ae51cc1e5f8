// Small courtesies; every page works without them.
"use strict";

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !field) {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  if (event.key === "Escape") {
    document.querySelectorAll("details.me[open]").forEach((menu) => menu.removeAttribute("open"));
  }
});

// A form that asks is sent once.
document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button[data-once]");
  if (button) {
    setTimeout(() => { button.disabled = true; });
  }
});

// A select marked so sends its form when it changes; without script there is a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) {
    event.target.form.requestSubmit();
  }
});
document.documentElement.classList.add("scripted");
