/** Keeps times as they are read: how long ago something was, and when, by the clock on this wall. */
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const english = [...navigator.languages.filter((name) => name.startsWith("en")), "en"];
const relative = new Intl.RelativeTimeFormat("en");
const local = new Intl.DateTimeFormat(english, { dateStyle: "medium", timeStyle: "short" });

export function ago(seconds) {
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
}

/** Show the times under *root* once; *now* returns Unix seconds by the server's clock. */
export function showTimes(now, root = document) {
  for (const place of root.querySelectorAll("time[data-ago], time[data-local]")) {
    const then = new Date(place.dateTime);
    const text = "ago" in place.dataset ? ago(now() - then / 1000) : local.format(then);
    if (place.textContent !== text) place.textContent = text;
  }
}

export function keepTimes(now) {
  showTimes(now);
  setInterval(() => showTimes(now), 5000);
}
