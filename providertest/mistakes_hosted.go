package providertest

// hostedMistakes are those of adapters for providers with hosted flows, renewed tokens and banks
// that are told whether the user is there. Not every adapter can make them.
var hostedMistakes = []Mistake{
	{
		Name:  "a part of the fields about the user is left out",
		Needs: "Harness.PSU",
		Test:  "banks learn whether the user is there, in full or not at all",
		Says:  "a bank refuses a request that has a part of Harness.PSU",
	},
	{
		Name:  "background calls say that the user is there",
		Needs: "Harness.PSU",
		Test:  "banks learn whether the user is there, in full or not at all",
		Says:  "whether the bank learns that the user is there",
	},
	{
		Name:  "the verifier is sent to the browser",
		Needs: "Session.State",
		Test:  "the browser gets no secret of a session",
		Says:  "has a text of Session.State that is as long as a PKCE verifier",
	},
	{
		Name:  "another bank is asked for than was chosen",
		Needs: "Received.Institution",
		Test:  "what a session is asked for reaches the provider",
		Says:  "what reached the provider of SessionRequest.Institution",
	},
	{
		Name:  "a renewal that is begun ends the consent in force",
		Needs: "Disconnector",
		Test:  "a renewal that is begun early and abandoned leaves the connection working",
		Says:  "beginning a renewal ended the consent in force",
	},
	{
		Name:  "a renewed token is not stored",
		Needs: "Harness.Rotation",
		Test:  "a renewed token is stored before it is used",
		Says:  "the keeper still has the first credential",
	},
	{
		Name:  "a round that changed while it was read is not begun again",
		Needs: "Feed.Restarts",
		Test:  "a sync agrees with a bank whose rows change while it reads",
		Says:  "a sync whose rows change while it reads goes on or begins again",
	},
	{
		Name:  "the pending row that is replaced is not read",
		Needs: "Data.NamesPending",
		Test:  "a posted row names the pending row that it replaces",
		Says:  "Transaction.Replaces is the id of the pending row",
	},
	{
		Name:  "rows in currencies outside of ISO 4217 are dropped",
		Needs: "Harness.Data",
		Test:  "amounts of transactions are exact to the digit",
		Says:  "rows in each currency, of ISO 4217 or not",
	},
	{
		Name:  "a sync does not name a row that cannot be read",
		Needs: "Harness.Data",
		Test:  "a sync names a row that cannot be read, and reads the others",
		Says:  "Delta.Failed names the row that cannot be read",
	},
	{
		Name:  "the payload of a finished flow is printed",
		Needs: "Webhooks.Finished",
		Test:  "a flow that a webhook reports as finished becomes a connection",
		Says:  "a secret was shown",
	},
	{
		Name:  "the address of a delivery is not verified",
		Needs: "SentTo in Webhooks.Sign",
		Test:  "a webhook is refused if anything that was signed is changed",
		Says:  "a delivery sent to another path must be refused",
	},
}
