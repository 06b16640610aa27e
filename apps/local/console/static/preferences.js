// What the person chose to see: time range, refresh and theme; remembered in this browser where it allows that.

const CHOICES = {
  range: { usual: "1 h" },
  refresh: { usual: "auto" },
  theme: { usual: "system" },
};
const dark = matchMedia("(prefers-color-scheme: dark)");

export const REFRESH = { auto: "5 s while something runs", off: "Off", 10: "10 s", 60: "1 min", 300: "5 min" };
export const THEMES = { system: "As the system", light: "Light", dark: "Dark" };

export function remembered() {
  const view = {};
  for (const [name, { usual }] of Object.entries(CHOICES)) view[name] = read(name) ?? usual;
  return view;
}

export function remember(name, value) {
  try {
    localStorage.setItem(`lifecycle-${name}`, value);
  } catch {
    // A browser that keeps nothing shows the usual view next time.
  }
}

function read(name) {
  try {
    return localStorage.getItem(`lifecycle-${name}`);
  } catch {
    return null;
  }
}

// "light" or "dark": what widgets are told.
export const themeOf = (choice) => (choice === "system" ? (dark.matches ? "dark" : "light") : choice);

export const onSystemTheme = (listener) => dark.addEventListener("change", listener);
