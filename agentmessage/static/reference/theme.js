// Before the first paint: the theme that the reader chose, or the one of the system. Without storage, the system's.
(() => {
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = stored() ?? (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    // The reference below takes its colours from these.
    document.body?.classList.toggle("dark-mode", theme === "dark");
    document.body?.classList.toggle("light-mode", theme === "light");
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    const button = document.querySelector(".theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      try {
        localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
      } catch {
        return;
      }
      apply();
    });
  });
})();
