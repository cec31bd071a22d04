// Every operation, by Scalar, without its third-party requests.
const place = document.querySelector("#operations");
if (globalThis.Scalar) {
  Scalar.createApiReference(place, {
    url: place.dataset.document,
    layout: "modern",
    theme: "none",
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    hideTestRequestButton: true,
    showDeveloperTools: "never",
    hideDarkModeToggle: true,
    documentDownloadType: "none",
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    operationTitleSource: "summary",
    metaData: { title: document.title },
  });
  document.querySelector(".without").hidden = true;
}
