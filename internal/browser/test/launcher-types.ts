// What an application writes with the launcher's types. The compiler reads it, and nothing runs it.

import { connect, resume, LaunchError, type Launch, type Opener, type Payload } from "@bankmux/launcher";

declare const launch: Launch;
declare class MoneyKit {
  constructor(options?: { theme?: object });
}

const osprey: Opener = async (launch, { url, signal }) => ({ id: launch.token, url, aborted: signal.aborted });

export async function link(): Promise<Payload> {
  const { signal } = new AbortController();
  return connect(launch, {
    loaders: {
      moneykit: async () => new MoneyKit({ theme: {} }),
      osprey: () => osprey,
    },
    nonce: "n",
    signal,
  });
}

export async function returned(): Promise<void> {
  try {
    const payload = await resume(launch, location.href);
    if (payload === null) return window.close();
    const posted: Payload = payload;
    await fetch("/link", { method: "POST", body: JSON.stringify(posted) });
  } catch (error) {
    if (error instanceof LaunchError && error.code === "blocked_by_csp") console.log(error.message);
  }
}

// @ts-expect-error resume may have nothing to post
export const always: Promise<Payload> = resume(launch, new URL(location.href));

// @ts-expect-error a launch names its provider
export const nameless: Launch = { mode: "link" };

// @ts-expect-error there is no such code
export const code: LaunchError["code"] = "other";

// @ts-expect-error a loader is a function
connect(launch, { loaders: { moneykit: MoneyKit.name } });
