/** What every page of somebody who is signed in does: it follows the session, in all tabs. */
import { countDown } from "./countdown.js";
import { forgetDrafts, keepDraft } from "./draft.js";
import { banner } from "./ending.js";
import { session, signInPage } from "./session.js";
import { keepTimes } from "./times.js";

const OVER = "This session has reached its end; please sign in again.";
const now = () => session.now();

let leaving = false;

function leave() {
  leaving = true;
  forgetDrafts();
  location.replace(signInPage({ "signed-out": 1 }));
}

session.addEventListener("ended", ({ detail }) => {
  // Without words it was signed out in this browser: nothing of the page stays.
  if (detail.message === null) return leaving || leave();
  // The token that renews ends when the session does.
  const message = detail.error === "token_expired" ? OVER : detail.message;
  const place = document.getElementById("ended");
  const made = banner({ ...detail, message }, now);
  made.append(Object.assign(document.createElement("a"), { href: signInPage(), textContent: "Sign in again" }));
  place.replaceChildren(made);
  place.hidden = false;
});

// In another tab, perhaps as somebody else.
session.addEventListener("signedin", () => location.replace(location.pathname + location.search));

for (const form of document.querySelectorAll("form[data-sign-out]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    leaving = true;
    if (await session.signOut()) leave();
    else form.submit();
  });
}

for (const form of document.querySelectorAll("form[data-draft]")) keepDraft(form, session);
countDown(session);
keepTimes(now);
session.start();
if (sessionStorage.getItem("signing-in")) {
  sessionStorage.removeItem("signing-in");
  session.signIn();
}
