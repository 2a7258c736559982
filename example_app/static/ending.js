/** The banner that says what ended a session, filled into the page's own template for it. */
import { showTimes } from "./times.js";

export function banner({ reason, message, client, at }, now) {
  const template = document.getElementById("ending");
  const [reasons, clients] = [template.dataset.reasons, template.dataset.clients].map((text) => JSON.parse(text));
  const made = template.content.cloneNode(true).firstElementChild;
  const [, icon, tone] = reasons[reason.replace("session_", "")] ?? reasons.expired;
  const use = made.querySelector("use");
  made.dataset.tone = tone;
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
  made.querySelector(".message").textContent = message;
  if (client) made.querySelector(".client").textContent = clients[client]?.[1] ?? client;
  else made.querySelector(".by").remove();
  if (at) {
    made.querySelector("time").dateTime = new Date(at * 1000).toISOString();
    showTimes(now, made);
  } else made.querySelector(".cause").remove();
  return made;
}
