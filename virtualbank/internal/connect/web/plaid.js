// The script of Plaid's Link. An application loads it and calls Plaid.create and open, as Plaid's
// documentation of Link for the web shows.

window.Plaid = {
  // create loads the page and then calls onLoad. That a missing token throws is the bank's own
  // choice.
  create({ token, receivedRedirectUri = "", onSuccess, onExit, onEvent, onLoad } = {}) {
    if (!token) throw new Error("Plaid.create: token is missing");
    const { open, leave, close } = widget("plaid", "Connect a bank with Plaid", {
      onReady: onLoad,
      event: ({ name, metadata }) => onEvent?.(name, metadata),
      success: ({ public_token, metadata }) => onSuccess?.(public_token, metadata),
      exit: ({ error, metadata }) => onExit?.(error, metadata),
    });
    return { open: () => open({ token, redirect: receivedRedirectUri }), exit: leave, destroy: close };
  },
};
