/** The session of this page, one for all its scripts. */
const { gosession, signIn } = document.body.dataset;
const { GoSession } = await import(gosession);

export const session = new GoSession({ mode: "cookie", base: gosession.replace(/\/[^/]*$/, "") });

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
