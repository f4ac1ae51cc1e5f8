// Files dropped anywhere on the field are chosen as if by its button.
"use strict";

document.querySelectorAll("[data-drop]").forEach((field) => {
  const input = field.querySelector("input[type=file]");
  const chosen = field.querySelector("[data-chosen]");
  const show = () => { chosen.textContent = Array.from(input.files, (file) => file.name).join(", "); };
  for (const kind of ["dragenter", "dragover"]) {
    field.addEventListener(kind, (event) => { event.preventDefault(); field.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    field.addEventListener(kind, () => { field.classList.remove("over"); });
  }
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      show();
    }
  });
  input.addEventListener("change", show);
});
