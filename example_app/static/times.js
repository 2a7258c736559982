/** Keeps times as they are read: how long ago something was, and when, by the clock on this wall. */
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const english = [...navigator.languages.filter((name) => name.startsWith("en")), "en"];
const relative = new Intl.RelativeTimeFormat("en");
const local = new Intl.DateTimeFormat(english, { dateStyle: "medium", timeStyle: "short" });

export function ago(seconds) {
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
}

export function hoursAgo(seconds) {
  return seconds < 3600 ? "within the last hour" : ago(seconds);
}

/** Show the times under *root* once; *now* returns Unix seconds by the server's clock. */
export function showTimes(now, root = document) {
  for (const place of root.querySelectorAll("time[data-ago], time[data-hour], time[data-local]")) {
    const text = textOf(place.dataset, new Date(place.dateTime), now());
    if (place.textContent !== text) place.textContent = text;
  }
}

function textOf(kind, then, now) {
  if ("local" in kind) return local.format(then);
  return ("hour" in kind ? hoursAgo : ago)(now - then / 1000);
}

export function keepTimes(now) {
  showTimes(now);
  setInterval(() => showTimes(now), 5000);
}
