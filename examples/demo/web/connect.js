// Links and reconnects banks with the launcher of bankhttp.

import { connect, resume } from "/bank/launcher.js";
import { call } from "./api.js";

const options = { loaders: { moneykit: () => import("@moneykit/connect") } };

// The tab keeps the id of its session, because the server knows only the newest one of all tabs.
// The id opens nothing without the user's login. The launch has a token, so it is not kept.
const kept = "bank.session";

// finish posts what the launcher returned, and returns the connections.
async function finish(session, outcome) {
  try {
    const payload = await outcome;
    if (!payload) return window.close(); // a popup: the window that opened it gets the outcome
    return await call("POST", "/bank/sessions/" + session, payload);
  } finally {
    sessionStorage.removeItem(kept);
  }
}

function run({ session, launch }) {
  sessionStorage.setItem(kept, session); // a bank may send the browser to its own page and back
  return finish(session, connect(launch, options));
}

export const linkBank = async (country) => run(await call("POST", "/bank/sessions", { country }));
export const reconnect = async (id) => run(await call("POST", `/bank/connections/${id}/sessions`, {}));

// continueLink goes on after a bank has sent the browser back. The page at ReturnTo calls it
// whenever it is loaded. It returns undefined if there is nothing to go on with.
export async function continueLink() {
  const query = new URLSearchParams(location.search);
  const session = sessionStorage.getItem(kept) ?? query.get("session");
  const [problem, id, back] = ["problem", "connection", "return"].map((name) => query.get(name));
  if (problem === "no_user") return { problem }; // after the login, send the browser to back again
  if (problem || id || back) history.replaceState(null, "", location.pathname);
  if (problem || id || !back) { // the flow has ended, also if the page was loaded again in its middle
    sessionStorage.removeItem(kept);
    return problem ? { problem } : id ? { connections: [{ id }] } : undefined;
  }
  const resumed = async () => {
    const { launch } = await call("GET", "/bank/sessions/" + session);
    return resume(launch, back, options);
  };
  return finish(session, resumed());
}
