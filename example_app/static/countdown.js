/** Shows the time left, second by second, and says aloud only what matters. */
import { say } from "./session.js";

const WARNINGS = [300, 60];

const two = (number) => String(number).padStart(2, "0");

export function written(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const clock = `${two(minutes)}:${two(whole % 60)}`;
  return (days ? `${days} d ` : "") + (days || hours ? `${two(hours)}:` : "") + clock;
}

export function countDown(session) {
  const places = [...document.querySelectorAll("[data-left]")];
  let warned = Infinity;
  let renewals = 0;

  function show() {
    for (const place of places) place.textContent = session.signedIn ? written(session.secondsLeft(place.dataset.left)) : "ended";
    const left = session.sessionSecondsLeft();
    const due = session.signedIn && WARNINGS.findLast((seconds) => left <= seconds && seconds < warned);
    if (!due) return;
    warned = due;
    say(`You will need to sign in again in less than ${due === 60 ? "a minute" : `${due / 60} minutes`}.`);
  }

  session.addEventListener("refreshed", () => {
    const place = document.getElementById("renewals");
    if (place) place.textContent = `Since this page was opened: ${(renewals += 1)}, last at ${new Date().toLocaleTimeString()}.`;
    show();
  });
  session.addEventListener("ended", show);
  document.getElementById("renew")?.addEventListener("click", () => session.refresh());
  for (const block of document.querySelectorAll("[data-countdown]")) block.hidden = false;
  show();
  setInterval(show, 1000);
}
