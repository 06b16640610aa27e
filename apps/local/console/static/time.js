// The dashboard's time range, as widgets and metrics need it.

export const RANGES = { "15 min": 15, "1 h": 60, "3 h": 180, "12 h": 720, "1 day": 1440, "3 days": 4320, "1 week": 10080 };

export function span(range, now = Date.now()) {
  const length = (RANGES[range] ?? 60) * 60_000;
  return { start: now - length, end: now, length };
}

// Return the range in CloudWatch's own form.
export function timeRange(range) {
  const { start, end, length } = span(range);
  return { mode: "relative", start, end, relativeStart: length, zoom: { start, end } };
}

export function timezone(now = new Date()) {
  const minutes = -now.getTimezoneOffset();
  const size = Math.abs(minutes);
  const two = (number) => String(Math.trunc(number)).padStart(2, "0");
  const offsetISO = `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
  return { label: minutes === 0 ? "UTC" : "Local", offsetISO, offsetInMinutes: minutes };
}
