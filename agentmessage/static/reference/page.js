// Tabs and copying. Without this file, the examples are one below the other.
const tabs = document.querySelector(".tabs");
const panels = [...tabs.querySelectorAll(".panel")];
const list = document.createElement("div");
list.setAttribute("role", "tablist");
list.setAttribute("aria-label", "Language");

const select = (chosen, { focus = false } = {}) => {
  panels.forEach((panel, index) => {
    const tab = list.children[index];
    panel.hidden = index !== chosen;
    tab.setAttribute("aria-selected", String(index === chosen));
    tab.tabIndex = index === chosen ? 0 : -1;
  });
  if (focus) list.children[chosen].focus();
};

panels.forEach((panel, index) => {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.textContent = panel.dataset.title;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id);
  tab.addEventListener("click", () => select(index));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) select((index + step + panels.length) % panels.length, { focus: true });
  });
  list.append(tab);
  panel.setAttribute("role", "tabpanel");
});
tabs.prepend(list);
tabs.classList.add("ready");
select(0);

for (const code of document.querySelectorAll("pre.code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const text = code.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // No clipboard (plain HTTP on another host): select, so that the reader's own keys copy it.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  const frame = document.createElement("div");
  frame.className = "frame";
  code.replaceWith(frame);
  frame.append(code, button);
}
