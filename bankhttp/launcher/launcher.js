// The launcher opens the page of a provider in the browser, and resolves with what to post to the
// back end. It has no dependencies. launcher.d.ts has its types and its promises.

export class LaunchError extends Error {
  name = "LaunchError";
  constructor(code, text, options) {
    super("bankmux: " + text, options);
    this.code = code;
  }
}

export function resume(launch, url, options) {
  return connect(launch, options, String(url));
}

// The run that is open in this page, if there is one.
let current;

// The parameter url is for resume alone.
export function connect(launch, options, url) {
  const key = JSON.stringify([launch, url]);
  if (current?.key !== key) {
    if (current && !current.leave) return Promise.reject(new LaunchError("already_open", "another launch is open"));
    current?.exit(); // the browser did not leave for the page of that run
    current = { ...options, launch, url, key };
    current.promise = settle(current);
  } else current.leave?.();
  return current.promise;
}

// settle opens the page of a run and returns the outcome. Nothing of the run remains afterwards.
async function settle(run) {
  const { url, signal } = run;
  const focused = document.activeElement;
  const controller = new AbortController();
  run.end = controller.signal; // aborts at the end, whatever the outcome
  try {
    const payload = await new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", () => reject(signal.reason), { signal: run.end });
      run.resolve = resolve;
      run.reject = reject;
      // The user left, or the provider's page failed.
      run.exit = (error) => resolve({ error: error ?? null });
      open(run).catch(reject);
    });
    // What the bank added to the address stays neither in the address bar nor in the history. A
    // back end may have put it into a parameter.
    const shown = [location.href, ...parse(location).searchParams.values()];
    if (payload && shown.includes(url)) history.replaceState(history.state, "", location.pathname);
    return payload;
  } catch (error) {
    run.failed = true;
    throw error;
  } finally {
    if (current === run) current = null;
    controller.abort();
    // Keyboard users continue where they were, unless the page moved the focus.
    if (/BODY|IFRAME/.test(document.activeElement?.tagName ?? "BODY")) focused?.focus?.();
  }
}

// open shows the provider's page. resolve, reject or exit of the run ends it later.
async function open(run) {
  const { launch, url, resolve, end } = run;
  const provider = need(launch, "provider");
  const returned = parse(url);
  if (url != null && !returned) fail("invalid_url", "the address is not whole");
  if (launch.url) {
    if (returned) return resolve(query(returned));
    // The browser may keep this page, and show it again if the user goes back.
    addEventListener("pageshow", (event) => event.persisted && run.exit(), { signal: end });
    const address = web(launch, "url");
    // The user may stop this, which the page does not notice. Another call then leaves again.
    return (run.leave = () => location.assign(address))();
  }
  const opener = openers[provider];
  document.addEventListener("securitypolicyviolation", (event) => violated(run, event), { signal: end });
  const kit = await load(run, provider);
  if (end.aborted) return;
  try {
    await (opener ? opener(run, kit) : kit(launch, { url, signal: end }).then(resolve));
  } catch (error) {
    if (error instanceof LaunchError) throw error;
    const text = String(error?.message ?? error).split(launch.token).join("…"); // it may quote the token
    fail("provider_failed", `${provider} failed: ${text}`);
  }
}

const openers = {
  moneykit(run, MoneyKit) {
    const { launch, url, resolve, exit } = run;
    const token = need(launch, "token");
    const kit = typeof MoneyKit === "function" ? new MoneyKit() : MoneyKit;
    // A link succeeds with (token, institution, id), and a relink with (institution, id). This
    // holds for continue too.
    const success = (first, second) =>
      resolve(
        typeof first === "string" ? { exchangeable_token: first, institution: second } : { institution: first },
      );
    const stored = "moneykit.linkSessionToken";
    try {
      if (url) {
        localStorage[stored] = token; // another tab may have stored its own
        kit.continue(url, success, exit);
        // A popup wakes the window that opened it, and the outcome goes there.
        if (window.opener) return resolve(null);
      } else {
        kit[launch.mode](token, success, exit);
      }
    } finally {
      // MoneyKit leaves the token there after a success. Only continue reads it.
      if (localStorage[stored] === token) delete localStorage[stored];
    }
    const frame = [...document.querySelectorAll("#moneykit-connect-frame")].pop();
    if (!frame) return;
    frame.title ||= "MoneyKit";
    run.page = frame.src;
    // A link that ends without a token removes the frame and calls neither function. Otherwise the
    // call comes first.
    const observer = new MutationObserver(() => frame.isConnected || exit());
    observer.observe(document, { childList: true, subtree: true });
    run.end.onabort = () => {
      observer.disconnect();
      if (run.failed) frame.remove();
    };
  },

  async dapi({ launch, resolve, exit, end }, Dapi) {
    let handler;
    // Dapi may call onReady before create returns.
    await new Promise((onReady) => {
      handler = Dapi.create({
        ...launch.parameters,
        isExperimental: launch.parameters?.isExperimental === "true",
        appKey: need(launch, "app_key"),
        environment: launch.environment,
        countries: launch.countries,
        onSuccess: resolve,
        onFailure: exit,
        onReady,
      });
    });
    if (!end.aborted) handler.open();
  },

  plaid({ launch, url, resolve, exit, end }, Plaid) {
    const handler = Plaid.create({
      token: need(launch, "token"),
      ...(url && { receivedRedirectUri: url }),
      onSuccess: (public_token, metadata) => resolve({ public_token, metadata }),
      onExit: exit,
    });
    end.onabort = () => handler.destroy();
    handler.open();
  },
};

function fail(code, text, options) {
  throw new LaunchError(code, text, options);
}

// query returns what to post for the query of a redirect, like bankmux.PayloadFromQuery.
function query({ searchParams }) {
  const pairs = [...searchParams];
  const payload = Object.fromEntries(pairs);
  if (Object.keys(payload).length < pairs.length) fail("invalid_url", "a parameter is repeated");
  return payload;
}

function need(launch, field) {
  return launch?.[field] || fail("invalid_launch", `launch lacks ${field}`);
}

// web returns an address that the browser may load. Others, such as javascript:, run code.
function web(launch, field) {
  const href = parse(need(launch, field), location)?.href;
  return /^https?:/.test(href) ? href : fail("invalid_launch", `launch.${field} must be http`);
}

// parse returns an address, or undefined for a text that is not one.
function parse(...address) {
  try {
    return new URL(...address);
  } catch {}
}

// load returns the front end of the provider: what its script defines, or what a module exports.
async function load(run, provider) {
  const { launch, nonce = "" } = run;
  const name = { dapi: "Dapi", plaid: "Plaid" }[provider];
  // A module that the launch names stands for the package of the loader. Tests use it.
  const loader = (name || !launch.script_url) && run.loaders?.[provider];
  if (!loader && !launch.script_url) {
    fail(
      openers[provider] ? "loader_missing" : "unknown_provider",
      `loaders.${provider} must import ${launch.package ?? "its package"}`,
    );
  }
  const src = loader ? `loaders.${provider}` : web(launch, "script_url");
  run.script = run.page = src;
  try {
    if (!loader && name && !window[name]) {
      // A script that is blocked ends the wait too.
      await new Promise((onload) =>
        document.head.append(Object.assign(document.createElement("script"), { src, nonce, onload, onerror: onload })));
    }
    const kit = await (loader ? loader()
      : name ? window[name]
      : import(/* webpackIgnore: true */ /* @vite-ignore */ src));
    return kit.default ?? kit;
  } catch (cause) {
    await new Promise((resolve) => setTimeout(resolve)); // the event of a violated policy says more
    fail("not_loaded", `${src} fails or is blocked`, { cause });
  }
}

// violated ends the run if the page's policy blocks the provider's script or frame. The address of
// a frame may have the token, so only its origin is shown.
function violated(run, { disposition, effectiveDirective, blockedURI }) {
  const frame = /frame|child/.test(effectiveDirective) && run.page && site(blockedURI) === site(run.page);
  if (disposition === "enforce" && (frame || blockedURI === run.script)) {
    run.reject(new LaunchError("blocked_by_csp", `the page's ${effectiveDirective} lacks ${parse(blockedURI).origin}`));
  }
}

// site returns the end of a host name, because the frame of cdn.example.com is connect.example.com.
function site(address) {
  return address.split(/[/:]+/)[1]?.split(".").slice(-2) + "";
}
