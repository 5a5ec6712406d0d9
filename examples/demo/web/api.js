// Sends the requests of the page. The paths below /bank are those of package bankhttp, and the
// paths below /demo drive the pretend banks.

// Problem is a problem document that the server sent in place of a result.
export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? "The server did not respond.");
    Object.assign(this, document);
  }
}

export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") ?? "";
  const document = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Problem(document);
  return document;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
