/** The session of this page, one for all its scripts. */
const { gosession, signIn, user } = document.body.dataset;
const { GoSession } = await import(gosession);

/** Whoever is signed in hears within a second or two that the session has ended, whoever ended it and wherever. */
export const session = new GoSession({ mode: "cookie", base: gosession.replace(/\/[^/]*$/, ""), watch: Boolean(user) });

/** The form to sign in, which leads back here. */
export function signInPage(more = {}) {
  return `${signIn}?${new URLSearchParams({ next: location.pathname + location.search, ...more })}`;
}

/** Say something in the page's place for messages. */
export function say(text) {
  const place = document.getElementById("status");
  place.textContent = text;
  place.hidden = !text;
}
