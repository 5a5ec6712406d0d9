package providertest

// linkMistakes are mistakes with sessions, exchanges and connections.
var linkMistakes = []Mistake{
	{
		Name: "a spent token is lost when the read after it fails",
		Test: "faults/after an exchange/unavailable",
		Says: "the token is spent and the connection is lost",
	},
	{
		Name: "the granted products are not read",
		Test: "a connection has the products that the user granted",
		Says: "Connection.Products are those that the user granted",
	},
	{
		Name: "the webhook URL is not sent",
		Test: "the fields of a session request reach the provider",
		Says: "the provider got another SessionRequest.WebhookURL",
	},
	{
		Name: "the country is not sent",
		Test: "the fields of a session request reach the provider",
		Says: "the provider got another SessionRequest.Country",
	},
	{
		Name: "a reconnect is accepted without a check",
		Test: "a reconnect that renewed nothing is refused",
		Says: "renewed nothing and was accepted as active",
	},
	{
		Name: "a one-shot is sent again",
		Test: "faults/exchange/unavailable",
		Says: "a one-shot is sent once",
	},
	{
		Name: "a payload of another session is accepted",
		Test: "a payload of another session is refused where the provider binds payloads",
		Says: "a payload of another session was accepted",
	},
	{
		Name: "every connection is reported as active",
		Test: "a lapse is reported, and a reconnect renews the connection under its id",
		Says: "a lapsed connection has StateReauth",
	},
	{
		Name: "an unknown state is active",
		Test: "an unknown state is kept, and is not a known one",
		Says: "a state that the provider invents later is kept as it is",
	},
	{
		Name: "a reconnect opens a second access",
		Test: "a reconnect leaves one access",
		Says: "a reconnect opened a second access",
	},
	{
		Name: "a connection that was not read is active",
		Test: "faults/after an exchange/unavailable",
		Says: "a connection whose bank was not read is unverified",
	},
	{
		Name: "a disconnect does not reach the provider",
		Test: "a disconnected connection is gone, and a second disconnect succeeds",
		Says: "a disconnected connection still works at the provider",
	},
	{
		Name: "a credential is in an error",
		Test: "faults/exchange/bad_gateway",
		Says: "a secret was shown",
	},
	{
		Name: "the end of the consent is not read",
		Test: "a connection has the dates of its consent",
		Says: "Connection.Consent.ExpiresAt is",
	},
	{
		Name: "further connections of one run are dropped",
		Test: "banks that are linked in one run are several connections",
		Says: "each linked bank is a connection",
	},
	{
		Name: "an added member is not reported",
		Test: "a member that the provider adds is ignored, and reported within 200 responses",
		Says: "an added member is reported",
	},
	{
		Name: "an added member changes a result",
		Test: "a member that the provider adds is ignored, and reported within 200 responses",
		Says: "an added member is ignored: Accounts",
	},
	{
		Name: "an exchange with the effect Read writes",
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "the exchange has the effect Read, and sent POST",
	},
}

// dataMistakes are mistakes with accounts, rows and syncs.
var dataMistakes = []Mistake{
	{
		Name: "removed rows are ignored",
		Test: "a sync reports a row that the bank removes",
		Says: "the application must have the bank's rows after the bank removed a row",
	},
	{
		Name: "modified rows are ignored",
		Test: "a sync reports a row that the bank corrects",
		Says: "the application must have the bank's rows after the bank corrected a row",
	},
	{
		Name: "a sync has all accounts",
		Test: "a sync has only the requested accounts",
		Says: "a sync of one account has only rows of that account",
	},
	{
		Name: "the pending flag is not read",
		Test: "a pending row differs from a booked one",
		Says: "while the row is pending",
	},
	{
		Name: "an unreadable pending flag is booked",
		Test: "a row whose pending flag is unreadable is neither booked nor pending",
		Says: "says nothing about the row",
	},
	{
		Name: "an unknown kind is a current account",
		Test: "an unknown kind of account is AccountUnknown",
		Says: "a kind that the provider invents later is not guessed",
	},
	{
		Name: "every account is in one currency",
		Test: "an account has the currency that the bank says",
		Says: "Account.Currency is that of the bank",
	},
	{
		Name: "a new link has new keys",
		Test: "a sync of a new link duplicates no row",
		Says: "a new link to the same accounts adds no row",
	},
	{
		Name: "amounts go through floating point",
		Test: "amounts of transactions are exact to the digit",
		Says: "12.345 KWD became",
	},
	{
		Name: "money out has the sign of money in",
		Test: "money in is positive and money out negative, for every kind of account",
		Says: "money into an account is positive and money out of it negative",
	},
	{
		Name: "equal rows are merged into one",
		Test: "equal rows are separate rows",
		Says: "equal rows are separate transactions",
	},
	{
		Name: "the last day is left out",
		Test: "rows are of the requested days, and an invalid range is refused",
		Says: "From and To are both included",
	},
	{
		Name: "pages are read in advance",
		Test: "pages end, repeat no row, and are not read in advance",
		Says: "nothing was read in advance",
	},
	{
		Name: "an unreadable row fails the page",
		Test: "an unreadable row fails alone",
		Says: "the rows that can be read",
	},
	{
		Name: "a page loses its last row",
		Test: "rows that move between pages are listed once",
		Says: "a row that exists while pages are read is listed once",
	},
	{
		Name: "an unknown account is ignored",
		Test: "an unknown account is not found, and the others are read",
		Says: "an error must name the account that failed",
	},
	{
		Name: "a cursor of another connection is accepted",
		Test: "a sync refuses foreign and altered cursors, and sends nothing",
		Says: "a cursor must be refused",
	},
}

// webhookMistakes are mistakes with deliveries.
var webhookMistakes = []Mistake{
	{
		Name: "base64 has unused bits",
		Test: "a signature has exactly one valid encoding",
		Says: "unused bit 0 of the last letter",
	},
	{
		Name: "base64 has no padding",
		Test: "a signature has exactly one valid encoding",
		Says: "this one has no padding",
	},
	{
		Name: "base64 has any padding",
		Test: "a signature has exactly one valid encoding",
		Says: "this one has more padding",
	},
	{
		Name: "base64 has line breaks",
		Test: "a signature has exactly one valid encoding",
		Says: "an embedded line break",
	},
	{
		Name: "base64 has either alphabet",
		Test: "a signature has exactly one valid encoding",
		Says: "the alphabet of URLs",
	},
	{
		Name: "an old webhook is accepted",
		Test: "an old webhook is refused",
		Says: "a day old",
	},
	{
		Name: "an event has no payload of a finished flow",
		Test: "a finished flow that a webhook reports becomes a connection",
		Says: "an event of EventLinkFinished has the payload for ExchangeToken",
	},
}

// crashMistakes end or block a test.
var crashMistakes = []Mistake{
	{
		Name: "a call panics",
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "ExchangeToken panicked: an index is out of range",
	},
	{
		Name: "a call waits without end",
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "ExchangeToken never returned: it waits without end",
	},
	{
		Name: "a goroutine never ends",
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "a goroutine was left behind",
	},
	{
		Name: "a goroutine is left behind",
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "a goroutine was left behind",
	},
	{
		Name: lockHeld,
		Test: "an exchange returns a connection that is equal after sealed storage",
		Says: "ExchangeToken did not return before the deadline",
	},
}
