/** The answer of a login or refresh; durations in seconds, `session_expires_at` in Unix seconds. */
export interface TokenPair {
  access_token: string;
  refresh_token?: string;
  expires_in: number;
  refresh_after?: number;
  session_expires_at: number;
}

/** Why a session ended: the server's words (`reason` is `error` where the server gave none), or "logged_out". */
export interface Ending {
  error: string;
  reason: string;
  message: string | null;
  at: number | null;
  client: string | null;
}

/** What is held now. `stamp` names this state of tokens or cookies; `end` is the session's absolute end. */
export interface Seen {
  stamp: string | number;
  exp: number;
  iat: number;
  end: number;
  /** When to renew, where the token does not say when it ends. */
  due?: number;
  access?: string;
  refresh?: string;
}

/** Where tokens are kept: synchronous, and shared by all tabs that share the session. */
export interface TokenStorage {
  get(): object | null;
  set(value: object): void;
  clear(): void;
}

export interface Options {
  /** "header" (default): tokens in `storage`. "cookie": HttpOnly cookies, planned by the readable state cookie. */
  mode?: "header" | "cookie";
  /** Address of the session endpoints, "/auth" by default. Its origin gets the token. */
  base?: string;
  /** Further origins that get the token. No other origin ever does. */
  origins?: string[];
  storage?: TokenStorage;
  cookieNames?: { state: string; csrf: string };
  /** Milliseconds that a renewal or sign-out may take, and that another tab's lock is waited for: 10000. */
  timeout?: number;
  /** Whether the page hears within a second that its session has ended, from `start()` on; see `gosession-events.js`. */
  watch?: boolean;
  /** Milliseconds since 1970; `Date.now` by default. */
  clock?: () => number;
  fetch?: typeof fetch;
  locks?: LockManager | null;
  Channel?: typeof BroadcastChannel | null;
  wake?: (EventTarget | undefined)[];
  cookies?: () => string;
}

/** `exp` and `iat` of a JWT that nobody verified; null for any other text. */
export function timesOf(token: string): { exp: number; iat: number } | null;

/** The state cookie, `exp.session_expires_at.now` in Unix seconds; null for any other text. */
export function parseState(text?: string | null): { exp: number; end: number; iat: number } | null;

/** When to renew: at 50 to 90 % of the life, by `chance` (0 to 1, random by default), so that nobody else knows. */
export function refreshTime(exp: number, iat: number, chance?: number): number;

/** What a 401 asks for: "retry" with the newer token, "refresh" and retry, "end" the session, or "pass" it on. */
export function verdict(
  error: string | undefined,
  sent: Seen | null,
  held: Seen | null,
  cookie: boolean,
): "retry" | "refresh" | "end" | "pass";

/** Tokens in localStorage, as JSON under `key`; in memory where localStorage is blocked. */
export function localStore(key: string): TokenStorage;

/** One session of this browser. All times are seconds of the server's clock, whose skew is learned. */
export class GoSession extends EventTarget {
  constructor(options?: Options);
  /** Whether tokens are held; the server may know better. */
  readonly signedIn: boolean;
  /** The server's time in Unix seconds, as far as it is known. */
  now(): number;
  /** Seconds until the access token ends; 0 when it has, or there is none. */
  secondsLeft(): number;
  /** Seconds until the session's absolute end, which no renewal moves. */
  sessionSecondsLeft(): number;
  /** Whether the access token ended at least `leeway` seconds ago; true when there is none. */
  isExpired(leeway?: number): boolean;
  /** Take the answer of a login. In cookie mode call it without one, right after the login. */
  signIn(pair?: TokenPair): void;
  /**
   * Sign out here, on the server and in all tabs. False when the server did not confirm: tokens in the storage are
   * forgotten all the same; cookies are kept, no `ended` is reported, and the call can be made again.
   */
  signOut(): Promise<boolean>;
  /**
   * `fetch` with the token, renewed before its end; renews once and retries once on `token_expired` and
   * `token_rotated`. A body that is a stream is sent once. A request with its own Authorization is left alone.
   * While a renewal cannot be had, a 401 for an expired token is answered by that renewal's 503 or network error.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Renew now; whether a usable token is held then. False also while the server is away: nothing is lost by that. */
  refresh(): Promise<boolean>;
  /** Cookie mode with cookies this page cannot read: ask the server for the end. `start` does it for another origin. */
  ask(): Promise<void>;
  /** Renew ahead of time, after sleep too, and follow the other tabs, until `stop`. */
  start(): void;
  stop(): void;

  /** `signedin` and `refreshed` also for what other tabs did. */
  addEventListener(
    type: "signedin" | "refreshed",
    listener: (event: CustomEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Once a session. */
  addEventListener(
    type: "ended",
    listener: (event: CustomEvent<Ending>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Before a renewal ahead of time; `preventDefault()` leaves it to the next request. Also before the absolute end. */
  addEventListener(
    type: "expiring",
    listener: (event: CustomEvent<{ secondsLeft: number; sessionSecondsLeft: number }>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
