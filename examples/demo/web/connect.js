// Links and reconnects banks with the launcher of bankhttp.

import { connect, resume } from "/bank/launcher.js";
import { post } from "./api.js";

// MoneyKit comes as an npm package, which your page imports. The pretend bank serves a pretend one.
const options = ({ script_url }) => ({ loaders: { moneykit: () => import(script_url) } });

const kept = "demo.launch";

// finish posts what the launcher returned. It returns the connection, or null if the user left.
async function finish(session, payload) {
  sessionStorage.removeItem(kept);
  if (payload === null) return null;
  const { connections } = await post("/bank/sessions/" + session, payload);
  return connections[0];
}

async function run(started) {
  // A bank may send the browser to its own page and back.
  sessionStorage.setItem(kept, JSON.stringify(started));
  return finish(started.session, await connect(started.launch, options(started.launch)));
}

export const link = async (country) => run(await post("/bank/sessions", { country }));
export const reconnect = async (id) => run(await post(`/bank/connections/${id}/sessions`));

// goOn continues a flow whose bank sent the browser back to this page. It returns undefined if there
// is none.
export async function goOn() {
  const query = new URLSearchParams(location.search);
  const started = JSON.parse(sessionStorage.getItem(kept) ?? "null");
  const back = query.get("return");
  if (query.has("connection") || query.has("problem")) {
    sessionStorage.removeItem(kept);
    history.replaceState(null, "", location.pathname);
    return { id: query.get("connection"), problem: query.get("problem") };
  }
  if (!back) return undefined;
  history.replaceState(null, "", location.pathname);
  if (!started) return { problem: "no_session" };
  return finish(started.session, await resume(started.launch, back, options(started.launch)));
}
