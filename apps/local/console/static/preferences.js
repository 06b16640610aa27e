// The person's choice of time range, refresh and theme, saved in this browser if it allows that.

const CHOICES = {
  range: { initial: "1 h" },
  refresh: { initial: "auto" },
  theme: { initial: "system" },
};
const dark = matchMedia("(prefers-color-scheme: dark)");

export const REFRESH = { auto: "5 s while something runs", off: "Off", 10: "10 s", 60: "1 min", 300: "5 min" };
export const THEMES = { system: "As the system", light: "Light", dark: "Dark" };

export function loadView() {
  const view = {};
  for (const [name, { initial }] of Object.entries(CHOICES)) view[name] = read(name) ?? initial;
  return view;
}

export function saveView(name, value) {
  try {
    localStorage.setItem(`lifecycle-${name}`, value);
  } catch {
    // A browser without storage shows the initial view next time.
  }
}

function read(name) {
  try {
    return localStorage.getItem(`lifecycle-${name}`);
  } catch {
    return null;
  }
}

// Return the theme for widgets: "light" or "dark".
export const themeOf = (choice) => (choice === "system" ? (dark.matches ? "dark" : "light") : choice);

export const onSystemTheme = (listener) => dark.addEventListener("change", listener);
