// The application's page: it starts a session, lets the launcher open the provider's page, and
// posts the outcome.

import { connect, resume } from "/moneykit/bank/launcher.js";
import { again, finish, start } from "/start.js";

const result = document.getElementById("result");
const form = document.getElementById("form");
const { moneykit } = document.body.dataset; // the host of the official package's pages, in tests
let busy = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return; // a double click starts one session
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  const official = "official" in form.elements.client.selectedOptions[0].dataset;
  sessionStorage.setItem("official", official);
  run(fields.client, () => start(fields), connect);
});

// A service sent the browser here after a page of a bank or a provider.
if (location.pathname === "/oauth") {
  const query = new URLSearchParams(location.search);
  const client = query.get("client");
  if (query.has("problem")) show("failed " + query.get("problem"));
  else if (query.has("connection")) show("linked a hosted page");
  // The tab knows its own session. The service knows only the user's newest one.
  else run(client, () => again(client, sessionStorage.getItem("session") ?? query.get("session")), (launch, options) =>
    resume(launch, query.get("return"), options));
}

function show(text) {
  result.textContent = text;
}

// run opens the provider's page and posts the outcome.
async function run(client, getSession, open) {
  show("opening");
  busy = true;
  try {
    const { session, launch } = await getSession();
    sessionStorage.setItem("session", session);
    const official = sessionStorage.getItem("official") === "true";
    // Where a launch names a module, the launcher prefers it to the official package.
    if (official) delete launch.script_url;
    const loaders = official && {
      async moneykit() {
        const { default: MoneyKit } = await import("@moneykit/connect");
        return new MoneyKit({ __connectSDKUIHost: moneykit });
      },
    };
    show("open");
    const payload = await open(launch, { loaders });
    if (payload === null) return show("the other window has the outcome");
    show("posting");
    const { connections } = await finish(client, session, payload);
    show("linked " + connections.map(({ institution }) => institution.name).join(", "));
  } catch (error) {
    show(error.kind ? "failed " + error.kind : `broken ${error.code ?? error.name} ${error.message}`);
  } finally {
    busy = false;
    sessionStorage.clear();
  }
}
