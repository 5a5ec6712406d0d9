package providertest

// linkMistakes are those of sessions, exchanges and connections.
var linkMistakes = []Mistake{
	{
		Name: "a spent token is lost when the read behind it fails",
		Test: "faults/behind an exchange/unavailable",
		Says: "the token is spent and the connection is lost",
	},
	{
		Name: "the granted products are not read",
		Test: "a connection has the products that were granted",
		Says: "Connection.Products are those that the user granted",
	},
	{
		Name: "the webhook URL is not sent",
		Test: "what a session is asked for reaches the provider",
		Says: "what reached the provider of SessionRequest.WebhookURL",
	},
	{
		Name: "the country is not sent",
		Test: "what a session is asked for reaches the provider",
		Says: "what reached the provider of SessionRequest.Country",
	},
	{
		Name: "a reconnect is accepted unseen",
		Test: "a reconnect that renewed nothing is not accepted",
		Says: "renewed nothing and was accepted as active",
	},
	{
		Name: "a one-shot is sent again",
		Test: "faults/exchange/unavailable",
		Says: "a one-shot is sent once",
	},
	{
		Name: "a payload of another session is accepted",
		Test: "a payload of another session is refused where the provider can tell",
		Says: "a payload of another session was accepted",
	},
	{
		Name: "every connection is said to be active",
		Test: "a lapse is seen, a reconnect mends it and the connection keeps its id",
		Says: "the consent ended",
	},
	{
		Name: "a connection is not ended at the provider",
		Test: "a disconnected connection is gone, and disconnecting twice is fine",
		Says: "a connection that was disconnected still works at the provider",
	},
	{
		Name: "a credential is in an error",
		Test: "faults/exchange/bad_gateway",
		Says: "a secret was shown",
	},
	{
		Name: "the end of the consent is not read",
		Test: "a connection says how long the permission lasts",
		Says: "Connection.Consent.ExpiresAt is",
	},
	{
		Name: "further connections of one run are lost",
		Test: "several banks that are linked in one run are several connections",
		Says: "each bank that the user linked is a connection",
	},
	{
		Name: "an exchange that is said to be a read writes",
		Test: "an exchange gives a connection that storage keeps",
		Says: "the exchange is said to be a read, and sent POST",
	},
}

// dataMistakes are those of accounts, rows and syncs.
var dataMistakes = []Mistake{
	{
		Name: "removed rows are ignored",
		Test: "a sync reports a row that the bank removes",
		Says: "what the application stored after the bank removed a row is what the bank has",
	},
	{
		Name: "modified rows are ignored",
		Test: "a sync reports a row that the bank corrects",
		Says: "what the application stored after the bank corrected a row is what the bank has",
	},
	{
		Name: "a sync has all accounts",
		Test: "a sync has only the accounts that are asked for",
		Says: "a sync of one account has rows of that account alone",
	},
	{
		Name: "the pending flag is not read",
		Test: "a pending row differs from a booked one",
		Says: "while the row is pending",
	},
	{
		Name: "a new link has new keys",
		Test: "a sync of a new link doubles no row",
		Says: "a new link to the same accounts adds no row",
	},
	{
		Name: "amounts go through floating point",
		Test: "amounts of transactions are exact to the digit",
		Says: "12.345 KWD became",
	},
	{
		Name: "money out has the sign of money in",
		Test: "money in is positive and money out negative, whatever the account",
		Says: "money into an account is positive and money out of it negative",
	},
	{
		Name: "equal rows are taken for one",
		Test: "equal rows are as many rows",
		Says: "equal rows are different movements",
	},
	{
		Name: "the last day is left out",
		Test: "days are those asked for, and a range that cannot be is refused",
		Says: "both days included",
	},
	{
		Name: "pages are read in advance",
		Test: "pages end, repeat nothing, and are not read in advance",
		Says: "nothing was read in advance",
	},
	{
		Name: "a row that cannot be read costs the page",
		Test: "a row that cannot be read costs itself and nothing else",
		Says: "the rows that can be read",
	},
	{
		Name: "a page loses its last row",
		Test: "a list whose rows move between its pages has each once",
		Says: "a row that is there while pages are read is listed once",
	},
	{
		Name: "an unknown account is passed over",
		Test: "an account nobody knows is not found, and the others are read",
		Says: "an error must name the account that failed",
	},
	{
		Name: "a cursor of another connection is accepted",
		Test: "a sync refuses cursors that are not its own, and sends nothing",
		Says: "a cursor must be refused that is",
	},
}

// webhookMistakes are those of deliveries.
var webhookMistakes = []Mistake{
	{
		Name: "base64 has unused bits",
		Test: "a signature may be written in one way",
		Says: "unused bit 0 of the last letter",
	},
	{
		Name: "base64 has no padding",
		Test: "a signature may be written in one way",
		Says: "this one has no padding",
	},
	{
		Name: "base64 has any padding",
		Test: "a signature may be written in one way",
		Says: "this one has more padding",
	},
	{
		Name: "base64 has line breaks",
		Test: "a signature may be written in one way",
		Says: "an embedded line break",
	},
	{
		Name: "base64 has either alphabet",
		Test: "a signature may be written in one way",
		Says: "the alphabet of URLs",
	},
	{
		Name: "an old webhook is believed",
		Test: "a webhook is refused once it is old",
		Says: "a day old",
	},
	{
		Name: "the payload of a finished flow is not given",
		Test: "a flow that a webhook reports as finished becomes a connection",
		Says: "an event of EventLinkFinished has the payload for ExchangeToken",
	},
}

// crashMistakes are those after which nothing is as it should be.
var crashMistakes = []Mistake{
	{
		Name: "a call panics",
		Test: "an exchange gives a connection that storage keeps",
		Says: "ExchangeToken panicked: an index is out of range",
	},
	{
		Name: "a call waits for what never comes",
		Test: "an exchange gives a connection that storage keeps",
		Says: "ExchangeToken never returned: it waits for what never comes",
	},
	{
		Name: "a goroutine never ends",
		Test: "an exchange gives a connection that storage keeps",
		Says: "a goroutine was left behind",
	},
	{
		Name: "a goroutine is left behind",
		Test: "an exchange gives a connection that storage keeps",
		Says: "a goroutine was left behind",
	},
	{
		Name: lockHeld,
		Test: "an exchange gives a connection that storage keeps",
		Says: "ExchangeToken did not return before the deadline",
	},
}
