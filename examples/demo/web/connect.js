// Links and reconnects banks with the launcher of bankhttp.

import { connect, resume } from "/bank/launcher.js";
import { call } from "./api.js";

const options = { loaders: { moneykit: () => import("@moneykit/connect") } };

// The tab keeps the id of its session, because the server knows only the newest one of all tabs.
// The id opens nothing without the user's login. The launch has a token, so it is not kept.
const kept = "bank.session";

// repeated sends a request again if the server asks for it, such as while its database is away.
async function repeated(...request) {
  for (let left = 4; ; left--) {
    try {
      return await call(...request);
    } catch (problem) {
      const seconds = problem.retry_after;
      if (!left || !(seconds <= 30)) throw problem;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}

// finish posts what the launcher returned, and returns the connections.
async function finish(session, outcome) {
  try {
    const payload = await outcome;
    if (!payload) return window.close(); // a popup: the window that opened it gets the outcome
    return await repeated("POST", "/bank/sessions/" + session, payload);
  } finally {
    if (sessionStorage.getItem(kept) === session) sessionStorage.removeItem(kept);
  }
}

let open; // the run whose page is open: a second click waits for the same outcome

function run(...request) {
  const mine = (open ??= start(...request).finally(() => (open = open === mine ? undefined : open)));
  return mine;
}

async function start(...request) {
  const { session, launch } = await call(...request);
  sessionStorage.setItem(kept, session); // a bank may send the browser to its own page and back
  if (launch.url) open = undefined; // the browser leaves, and a user who stops it can start again
  return finish(session, connect(launch, options));
}

export const linkBank = (country) => run("POST", "/bank/sessions", { country });
export const reconnect = (id) => run("POST", `/bank/connections/${id}/sessions`, {});

// continueLink goes on after a bank has sent the browser back. The page at ReturnTo calls it
// whenever it is loaded. It returns undefined if there is nothing to go on with.
export async function continueLink() {
  const query = new URLSearchParams(location.search);
  const session = sessionStorage.getItem(kept) ?? query.get("session");
  const [problem, id, back] = ["problem", "connection", "return"].map((name) => query.get(name));
  if (problem === "no_user") return { problem }; // after the login, send the browser to back again
  const leave = () => history.replaceState(null, "", location.pathname);
  if (problem || id) leave();
  if (problem || id || !back) { // the flow has ended, also if the page was loaded again in its middle
    sessionStorage.removeItem(kept);
    return problem ? { problem } : id ? { connections: [{ id }] } : undefined;
  }
  const resumed = async () => {
    const { launch } = await repeated("GET", "/bank/sessions/" + session);
    leave(); // if the page is loaded again now, it does not resume twice
    return resume(launch, back, options);
  };
  return finish(session, resumed());
}
