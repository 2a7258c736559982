/** Goes on without a form where the session still lives and only its access token has ended. */
import { banner } from "./ending.js";
import { say, session } from "./session.js";
import { keepTimes } from "./times.js";

/** Milliseconds: who is back this soon, with a token that has not ended, is not here for want of a new one. */
const LOOP = 10_000;

const now = () => session.now();
const form = document.getElementById("sign-in");
const { searchParams } = new URL(location.href);

function goOn() {
  const target = new URL(form.elements.next.value || ".", location.href);
  if (target.origin === location.origin) location.replace(target);
}

async function resume() {
  const last = Number(sessionStorage.getItem("resumed"));
  if (!session.sessionSecondsLeft() || (Date.now() - last < LOOP && !session.isExpired())) return;
  sessionStorage.setItem("resumed", Date.now());
  if (await session.refresh()) goOn();
}

form.addEventListener("submit", () => sessionStorage.setItem("signing-in", 1));
session.addEventListener("signedin", goOn);
session.addEventListener("ended", ({ detail }) => {
  if (detail.message && !document.querySelector("main .ending, .notice:not([hidden])")) form.before(banner(detail, now));
});
if (searchParams.has("signed-out")) say("You have signed out.");
keepTimes(now);
await resume();
session.start();
