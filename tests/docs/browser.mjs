/** What a page finds around it in a browser, for the JavaScript of the documentation. */
const pair = { access_token: "a.b.c", refresh_token: "d.e.f", expires_in: 900, refresh_after: 600 };
const values = new Map();
const around = {
  localStorage: {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => values.set(name, value),
    removeItem: (name) => values.delete(name),
  },
  location: { href: "https://app.test/", origin: "https://app.test" },
  document: Object.assign(new EventTarget(), { cookie: "", visibilityState: "visible", querySelector: () => ({}) }),
  window: new EventTarget(),
  fetch: async () => new Response(JSON.stringify({ ...pair, user: "ada" }), { status: 200 }),
  api: { interceptors: { request: { use: (change) => change({}) } } },
};
const target = new EventTarget();
around.addEventListener = target.addEventListener.bind(target);
around.removeEventListener = target.removeEventListener.bind(target);
for (const [name, value] of Object.entries(around)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
