/** Keeps what was typed into a form in this tab until the server has it, whatever becomes of the session. */
const PREFIX = "draft:";

export function forgetDrafts() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

export function keepDraft(form, session) {
  // By person: nobody finds another's text.
  const key = `${PREFIX}${document.body.dataset.user}:${form.dataset.draft}`;
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden");
  const place = form.querySelector("[role=status]");
  const button = form.querySelector("[type=submit]");

  const draft = JSON.parse(sessionStorage.getItem(key));
  if (draft) {
    for (const field of fields) field.value = draft[field.name] ?? field.value;
    place.textContent = "This is what you typed before; it is not saved yet.";
  }

  form.addEventListener("input", () => {
    place.textContent = "";
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    place.textContent = await send().catch(() => "Not saved: the server cannot be reached. Your text is kept; please try again.");
    button.disabled = false;
  });

  async function send() {
    const body = new FormData(form);
    const sent = sessionStorage.getItem(key);
    const response = await session.fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const { message } = await response.json();
    if (!response.ok) return `Not saved, your text is kept: ${message}`;
    if (sessionStorage.getItem(key) === sent) sessionStorage.removeItem(key);
    return message;
  }
}
