// The application's page: it starts a session, lets the launcher open the provider's page, and posts
// the outcome.

import { connect, resume } from "/launcher.js";

const result = document.getElementById("result");
const form = document.getElementById("form");
const { moneykit } = document.body.dataset; // the host of the official package's pages, in tests

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const official = "official" in form.elements.client.selectedOptions[0].dataset;
  show("opening");
  const response = await fetch("/link", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const started = await response.json();
  if (!response.ok) return show("refused " + started.error);
  sessionStorage.setItem("official", official);
  run(started, (options) => connect(started.launch, options));
});

// A bank returned to this page.
if (location.pathname === "/oauth") {
  const response = await fetch("/launch");
  const started = await response.json();
  if (response.ok) run(started, (options) => resume(started.launch, location.href, options));
}

function show(text) {
  result.textContent = text;
}

// run opens the provider's page and posts the outcome.
async function run({ session, launch }, open) {
  const official = sessionStorage.getItem("official") === "true";
  const loaders = {
    moneykit: async () => {
      if (!official) return import(launch.script_url);
      const { default: MoneyKit } = await import("@moneykit/connect");
      return new MoneyKit({ __connectSDKUIHost: moneykit });
    },
  };
  try {
    show("open");
    const payload = await open({ loaders });
    if (payload === null) return show("the other window has the outcome");
    show("posting");
    const response = await fetch("/link/" + session, { method: "POST", body: JSON.stringify(payload) });
    const got = await response.json();
    show(response.ok ? "linked " + got.institution.name : "failed " + got.error);
  } catch (error) {
    show("broken " + (error.code ?? error.name) + " " + error.message);
  }
}
