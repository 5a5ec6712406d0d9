package providertest

// hostedMistakes are mistakes with hosted flows, renewed tokens, presence headers, and other
// features that not every adapter has.
var hostedMistakes = []Mistake{
	{
		Name:  "some of the presence headers are left out",
		Needs: "Harness.PSU",
		Test:  "presence headers are sent in full or not at all",
		Says:  "a bank refuses a request with only some of Harness.PSU",
	},
	{
		Name:  "background calls send the presence headers",
		Needs: "Harness.PSU",
		Test:  "presence headers are sent in full or not at all",
		Says:  "whether a request has the presence headers",
	},
	{
		Name:  "the verifier is sent to the browser",
		Needs: "Session.State",
		Test:  "the browser gets no secret of a session",
		Says:  "has a text of Session.State that is as long as a PKCE verifier",
	},
	{
		Name:  "the session asks for another bank than the chosen one",
		Needs: "Received.Institution",
		Test:  "the fields of a session request reach the provider",
		Says:  "the provider got another SessionRequest.Institution",
	},
	{
		Name:  "the start of a renewal ends the consent in force",
		Needs: "Disconnector",
		Test:  "an early renewal that is abandoned leaves the connection working",
		Says:  "the start of a renewal ended the consent in force",
	},
	{
		Name:  "a renewed token is not stored",
		Needs: "Harness.Rotation",
		Test:  "a renewed token is stored before it is used",
		Says:  "the keeper still has the first credential",
	},
	{
		Name:  "a round that changed while it was read is not restarted",
		Needs: "Feed.Restarts",
		Test:  "a sync agrees with a bank whose rows change while it reads",
		Says:  "a sync whose rows change while it reads continues or restarts",
	},
	{
		Name:  "the pending row that is replaced is not read",
		Needs: "Data.NamesPending",
		Test:  "a booked row names the pending row that it replaces",
		Says:  "Transaction.Replaces is the id of the pending row",
	},
	{
		Name:  "rows in currencies outside of ISO 4217 are dropped",
		Needs: "Harness.Data",
		Test:  "amounts of transactions are exact to the digit",
		Says:  "rows in every currency, of ISO 4217 or not",
	},
	{
		Name:  "a sync does not name an unreadable row",
		Needs: "Harness.Data",
		Test:  "a sync names an unreadable row, and reads the others",
		Says:  "Delta.Failed names the row that cannot be read",
	},
	{
		Name:  "an event shows the payload of a finished flow",
		Needs: "Webhooks.Finished",
		Test:  "a finished flow that a webhook reports becomes a connection",
		Says:  "a secret was shown",
	},
	{
		Name:  "the address of a delivery is not verified",
		Needs: "SentTo in Webhooks.Sign",
		Test:  "a webhook is refused if anything signed is changed",
		Says:  "a delivery sent to another path must be refused",
	},
}
