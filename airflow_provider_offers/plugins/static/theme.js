// Runs before the first paint: the page is as dark or light as Airflow, which keeps its theme in the local storage.
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // Storage is closed to the page: the system decides.
    }
    const dark = chosen === "dark" || (chosen !== "light" && system.matches);
    document.documentElement.classList.toggle("dark", dark);
  };
  paint();
  system.addEventListener("change", paint);
  window.addEventListener("storage", (event) => {
    if (event.key === "theme" || event.key === null) paint();
  });
})();
