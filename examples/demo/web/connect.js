// Links and reconnects banks with the launcher of bankhttp.

import { connect, resume } from "/bank/launcher.js";
import { get, post } from "./api.js";

// MoneyKit comes as an npm package, which your page imports. The pretend bank serves a pretend one.
const options = ({ script_url }) => ({ loaders: { moneykit: () => import(script_url) } });

// The tab keeps the id of its session, which opens nothing without the user's login. The launch has
// a token, so it is asked for again.
const kept = "demo.session";

// finish posts what the launcher returned. It returns the connection, or null if the user left.
async function finish(session, outcome) {
  try {
    const payload = await outcome;
    if (payload === null) return null;
    const { connections } = await post("/bank/sessions/" + session, payload);
    return connections[0];
  } finally {
    sessionStorage.removeItem(kept);
  }
}

function run({ session, launch }) {
  sessionStorage.setItem(kept, session); // a bank may send the browser to its own page and back
  return finish(session, connect(launch, options(launch)));
}

export const link = async (country) => run(await post("/bank/sessions", { country }));
export const reconnect = async (id) => run(await post(`/bank/connections/${id}/sessions`));

// goOn continues a flow whose bank sent the browser back to this page. It returns undefined if
// there is none.
export async function goOn() {
  const query = new URLSearchParams(location.search);
  const session = sessionStorage.getItem(kept) ?? query.get("session");
  const back = query.get("return");
  if (query.has("connection") || query.has("problem")) {
    sessionStorage.removeItem(kept);
    history.replaceState(null, "", location.pathname);
    return { id: query.get("connection"), problem: query.get("problem") };
  }
  if (!back) { // the page was loaded again in the middle, so the flow has ended
    sessionStorage.removeItem(kept);
    return undefined;
  }
  history.replaceState(null, "", location.pathname);
  const resumed = async () => {
    const { launch } = await get("/bank/sessions/" + session);
    return resume(launch, back, options(launch));
  };
  return finish(session, resumed());
}
