import { GoSession } from "./gosession.js";

/**
 * Let the session dispatch `ended`, with the reason, within a second of its end, whoever has ended it and wherever.
 * The server holds a stream open where it can, and is asked `pause` milliseconds (800) after each answer where it cannot;
 * while the page is hidden nothing is sent. Neither counts as use of the session. An answer that has not begun, or a
 * stream that has been silent, for `silence` milliseconds is given up, for the server says something every 15 s; failures
 * are retried after up to a minute, or after the answer's `Retry-After`. Returns what stops it.
 */
export function watchSession(
  session: GoSession,
  options?: { url?: string; pause?: number; silence?: number; page?: { readonly hidden: boolean } | null },
): () => void;
