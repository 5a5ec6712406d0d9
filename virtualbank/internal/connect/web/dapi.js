// The script of Dapi's Connect. An application loads it and calls Dapi.create and open, as the
// documentation of Dapi's connector shows.

window.Dapi = {
  environments: { sandbox: "sandbox", production: "production" },

  // create loads the page and then calls onReady. That a missing appKey throws is the bank's own
  // choice. Members that the documentation of version 3 does not list have no effect.
  create({ appKey, environment = "", countries = [], onReady, onSuccess, onFailure } = {}) {
    if (!appKey) throw new Error("Dapi.create: appKey is missing");
    const { open } = widget("dapi", "Connect a bank with Dapi", {
      onReady,
      success: (payload) => onSuccess?.(payload),
      exit: (error) => onFailure?.(error), // null if the user only left
    });
    return { open: () => open({ appKey, environment, countries }) };
  },
};
