// The types of the launcher, and what its functions promise.

/** What the back end sends to the browser: bankmux.Launch as JSON. */
export interface Launch {
  provider: string;
  mode: "link" | "relink";
  environment?: string;
  token?: string;
  url?: string;
  app_key?: string;
  countries?: string[];
  institution?: string;
  script_url?: string;
  package?: string;
  parameters?: Record<string, string>;
}

/**
 * What to post to the back end, unchanged and as JSON. It is {"error": null} if the user left, and
 * {"error": {…}} if the provider's page failed.
 */
export type Payload = Record<string, unknown>;

export interface Options {
  /**
   * Returns the front end of a provider, by the provider's name. MoneyKit publishes no script, so
   * it needs one: () => import("@moneykit/connect"). A loader may also return an instance with
   * options of yours: () => new MoneyKit({ theme }).
   *
   * Dapi and Plaid need none. A loader for them returns what their script defines, if your page
   * loads the script itself. A loader for any other provider returns an Opener.
   *
   * A launch of another provider than these two may name an ES module as script_url. Its default
   * export is used then, also if there is a loader. So a page does not change to be tested.
   */
  loaders?: Record<string, () => unknown>;

  /** The nonce of the page's Content-Security-Policy, for the script of Dapi and Plaid. */
  nonce?: string;

  /**
   * Ends the run: the promise rejects with signal.reason. The page of MoneyKit and Plaid closes.
   * Dapi documents no way to close its page, so it stays open, and its outcome is ignored.
   */
  signal?: AbortSignal;
}

/** Opens the page of a provider that the launcher does not know. */
export type Opener = (
  launch: Launch,
  run: { url?: string; signal: AbortSignal },
) => Promise<Payload>;

/**
 * Opens the provider's page and resolves once, with what to post. A launch with a url leaves this
 * page. The outcome is then in the query of the page that the provider returns to: see resume. If
 * the user goes back to this page instead, the promise resolves with {"error": null}.
 *
 * It rejects with a LaunchError if the page cannot be opened, and with signal.reason after an
 * abort. One run can be open at a time. A second call with the same launch returns the same
 * promise, and a call with another launch rejects with "already_open".
 *
 * A user may stop the way to a launch's url, which a page does not notice. So a further call with
 * that launch leaves the page again. A call with another launch starts its own run, and the promise
 * of the first one resolves with {"error": null}.
 *
 * The launcher keeps no token after the end, neither in storage nor in the address.
 */
export function connect(launch: Launch, options?: Options): Promise<Payload>;

/**
 * Continues a run at the page that the bank or the provider returned to. Pass the launch of the
 * run, and the whole address that it returned to, such as location.href. Keep the launch in
 * sessionStorage meanwhile, and remove it at the end.
 *
 * It resolves like connect. If url is the address of this page, or a parameter of it, the query and
 * the fragment leave the address bar then. It resolves with null in a popup: there is nothing to
 * post, because the window that opened the popup gets the outcome. Close the popup then.
 */
export function resume(launch: Launch, url: string | URL, options?: Options): Promise<Payload | null>;

/** Why a launch could not be opened. */
export type LaunchErrorCode =
  | "invalid_launch" // a field is missing, or an address is not http
  | "invalid_url" // the address of resume is not a whole one, or repeats a query parameter
  | "unknown_provider" // the launch has neither url nor script, and there is no loader
  | "loader_missing" // the same for a provider that the launcher knows
  | "not_loaded" // the script or the loader failed
  | "blocked_by_csp" // the page's Content-Security-Policy blocks the script or the frame
  | "provider_failed" // the provider's code threw an error
  | "already_open"; // another launch is open in this page

/** Rejects a run. Its message has no token. */
export class LaunchError extends Error {
  readonly code: LaunchErrorCode;
  constructor(code: LaunchErrorCode, text: string, options?: { cause?: unknown });
}
