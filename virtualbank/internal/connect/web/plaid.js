// The script of Plaid's Link. An application loads it and calls Plaid.create and open, as Plaid's
// documentation of Link for the web shows.

window.Plaid = {
  // create loads the page and then calls onLoad. That a missing token throws is the bank's own
  // choice.
  create({ token, receivedRedirectUri, onSuccess, onExit, onEvent, onLoad } = {}) {
    if (!token) throw new Error("Plaid.create: token is missing");
    let ready = false;
    let wanted = false;
    const opening = { token, redirect: receivedRedirectUri ?? "" };
    const frame = openFrame("plaid", "Connect a bank with Plaid", {
      ready() {
        ready = true;
        onLoad?.();
        if (wanted) frame.open(opening);
      },
      event: ({ name, metadata }) => onEvent?.(name, metadata),
      success({ public_token, metadata }) {
        frame.hide();
        onSuccess?.(public_token, metadata);
      },
      exit({ error, metadata }) {
        frame.hide();
        onExit?.(error, metadata);
      },
    });
    return {
      open() {
        if (ready) frame.open(opening);
        else wanted = true;
      },
      exit: () => frame.send({ type: "leave" }),
      destroy: () => frame.remove(),
    };
  },
};
