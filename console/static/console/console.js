// What Unfold and Select2 leave out for the keyboard and for screen readers.
addEventListener("load", () => {
  document.getElementById("main")?.setAttribute("role", "main");
  for (const element of document.querySelectorAll("a[x-on\\:click]:not([href]), span.material-symbols-outlined[x-on\\:click]")) {
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    if (element.tagName === "SPAN") element.setAttribute("aria-label", "Navigation");
    element.addEventListener("keydown", (event) => event.key === "Enter" && element.click());
  }
  // After the functions that make the Select2 fields.
  window.django?.jQuery?.(() => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const name = document.querySelector(`label[for="${select.id}"]`)?.textContent.trim() || select.dataset.placeholder;
      for (const part of select.nextElementSibling.querySelectorAll("[role=combobox], [role=textbox]")) {
        part.removeAttribute("aria-labelledby");
        part.setAttribute("aria-label", name);
      }
    }
  });
});
