/** Goes on without a form where the session still lives and only its access token has ended. */
import { say, session } from "./session.js";

/** Milliseconds: who is back this soon, with a token that has not ended, is not here for want of a new one. */
const LOOP = 10_000;

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
  if (detail.message && !document.querySelector(".notice:not([hidden])")) say(detail.message);
});
if (searchParams.has("signed-out")) say("You have signed out.");
await resume();
session.start();
