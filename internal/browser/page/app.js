// The application's page: it opens the provider's page and posts the outcome.

const result = document.getElementById("result");
const form = document.getElementById("form");
const bank = document.body.dataset;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = form.elements.client.selectedOptions[0];
  const official = "official" in chosen.dataset;
  sessionStorage.setItem("official", official);
  show("opening");
  const response = await fetch("/link", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const begun = await response.json();
  if (!response.ok) return show(begun.error);
  run(begun, official);
});

// A bank returned to this page.
if (location.pathname === "/oauth") {
  const official = sessionStorage.getItem("official") === "true";
  const response = await fetch("/launch");
  if (response.ok) run(await response.json(), official, location.href);
}

function show(text) {
  result.textContent = text;
}

// post sends what the provider's page gave, once.
async function post(session, payload) {
  show("posting");
  const response = await fetch("/link/" + session, { method: "POST", body: JSON.stringify(payload) });
  const got = await response.json();
  show(response.ok ? "linked " + got.institution.name : "failed " + got.error);
}

async function run({ session, launch }, official, returned) {
  const finish = (payload) => post(session, payload);
  const exit = (error) => finish({ error: error ?? null });
  try {
    if (launch.url) {
      location = launch.url;
    } else if (launch.provider === "moneykit") {
      const { default: MoneyKit } = await import(official ? "@moneykit/connect" : launch.script_url);
      const kit = new MoneyKit(official ? { __connectSDKUIHost: bank.moneykit } : {});
      const linked = (...got) => {
        // A relink passes the institution first, also after continue.
        const at = got.findIndex((value) => typeof value === "object");
        finish(at === 0 ? { institution: got[0] } : { exchangeable_token: got[0], institution: got[1] });
      };
      if (returned) kit.continue(returned, linked, exit);
      else if (launch.mode === "relink") kit.relink(launch.token, linked, exit);
      else kit.link(launch.token, linked, exit);
    } else if (launch.provider === "dapi") {
      await load(launch.script_url);
      const handler = Dapi.create({
        appKey: launch.app_key, environment: launch.environment, countries: launch.countries,
        onReady: () => handler.open(), onSuccess: finish, onFailure: exit,
      });
    } else if (launch.provider === "plaid") {
      await load(launch.script_url);
      Plaid.create({
        token: launch.token, receivedRedirectUri: returned,
        onSuccess: (public_token, metadata) => finish({ public_token, metadata }), onExit: exit,
      }).open();
    }
    show("open");
  } catch (error) {
    show("broken " + error.message);
  }
}

function load(src) {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error("the script did not load"));
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: failed }));
  });
}
