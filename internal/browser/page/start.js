// How the page starts a session and posts its outcome, by the paths of package bankhttp.

const json = { "Content-Type": "application/json" };

// start makes a session of a client. The fields may have country, connection, and what only Plaid
// has: hosted, several, selection.
export async function start({ client, country, connection, ...more }) {
  const path = connection ? `/connections/${connection}/sessions` : "/sessions";
  return answer(await fetch(`/${client}/bank${path}?${new URLSearchParams(more)}`, {
    method: "POST", headers: json, body: JSON.stringify(connection ? {} : { country }),
  }));
}

// again returns a session that was started before.
export const again = async (client, session) => answer(await fetch(`/${client}/bank/sessions/${session}`));

// finish posts an outcome.
export const finish = async (client, session, payload) => answer(await fetch(`/${client}/bank/sessions/${session}`, {
  method: "POST", headers: json, body: JSON.stringify(payload),
}));

async function answer(response) {
  const value = await response.json();
  if (!response.ok) throw Object.assign(new Error(value.detail), { kind: value.kind });
  return value;
}
