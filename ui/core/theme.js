// Sets the chosen theme before the first paint, so that nothing flashes. A classic script: a module would run too late.
try {
  const chosen = JSON.parse(localStorage.getItem("vctsdb") || "{}").theme;
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system's preference holds.
}
