/** Lets a GoSession hear within a second that it has ended. See gosession-events.d.ts. */

const STREAM = "text/event-stream";

// To the end of the stream, or until it has been silent for so long that its connection must be gone.
const readOut = async (reader, silence) => {
  let timer;
  try {
    do {
      clearTimeout(timer);
      timer = setTimeout(() => reader.cancel().catch(() => {}), silence);
    } while (!(await reader.read()).done);
  } finally {
    clearTimeout(timer);
  }
};

export function watchSession(
  session,
  { url = "/auth/events", pause = 800, silence = 45_000, page = globalThis.document } = {},
) {
  let stopped = false;
  let interrupt; // what is under way
  const nap = (ms) =>
    new Promise((done) => {
      const timer = setTimeout(done, ms);
      interrupt = () => done(clearTimeout(timer));
    });
  const ask = async (headers) => {
    const request = new AbortController();
    interrupt = () => request.abort();
    const timer = setTimeout(interrupt, silence);
    try {
      return await session.fetch(url, { headers, cache: "no-store", signal: request.signal });
    } finally {
      clearTimeout(timer);
    }
  };
  const run = async () => {
    let tag;
    let fails = 0;
    let streamed = false;
    while (!stopped) {
      // A stream that is over may be over for a reason, which is asked for at once.
      const headers = { Accept: streamed ? "application/json" : STREAM, ...(tag && { "If-None-Match": tag }) };
      streamed = false;
      let wait = pause;
      if (session.signedIn && !page?.hidden) {
        wait = Math.min(60_000, pause * 2 ** fails++) * (0.5 + Math.random() / 2);
        try {
          // A 401 ends the session there, with its reason.
          const response = await ask(headers);
          tag = response.headers.get("ETag") ?? tag;
          if (response.ok || response.status === 304) [fails, wait] = [0, pause];
          else wait = Math.max(wait, 1000 * response.headers.get("Retry-After") || 0);
          if (response.headers.get("Content-Type")?.startsWith(STREAM)) {
            await readOut(response.body.getReader(), silence);
            streamed = true;
          }
        } catch {}
      } else fails = 0;
      if (!streamed && !stopped) await nap(wait);
    }
  };
  run();
  return () => {
    stopped = true;
    interrupt();
  };
}
