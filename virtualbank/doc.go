// Package virtualbank is a bank for tests. It serves the APIs of MoneyKit and Dapi, and Plaid's on
// request. It keeps accounts and their transactions, sends webhooks, and fails on demand.
//
// # Starting a bank
//
// [New] returns a bank. [Start] serves it on two loopback addresses, one per provider, and Plaid's
// API on a third with [ServePlaid]. [Bank.MoneyKit], [Bank.Dapi] and [Bank.Plaid] return the same
// APIs as handlers, for tests without sockets. [Bank.Credentials] returns what a client presents to
// them.
//
// Programs in other languages run the command:
//
//	go run github.com/bankmux/bankmux/cmd/virtualbank -seed 1
//
// When it is ready it prints one line of JSON with the base URLs and credentials.
//
// # Driving a bank
//
// A test acts through the methods of [Bank]:
//
//   - [Bank.LinkMoneyKit], [Bank.LinkDapi] and [Bank.LinkPlaid] play the user in the provider's
//     widget.
//   - [Bank.Advance] moves the bank's clock, so that tokens expire and transactions post.
//   - [Bank.Refresh] makes MoneyKit or Plaid fetch data from the institution.
//   - [Bank.Stage] changes stored transactions in one of the ways that [Situations] lists.
//   - [Bank.Inject] makes requests fail in one of the ways that [FaultNames] lists.
//   - [Bank.Lapse] ends a user's consent, and [Bank.Outage] takes an institution down.
//   - [Bank.Deliver] sends the webhooks that are due.
//
// [Bank.Links], [Bank.Accounts], [Bank.Transactions] and [Bank.Requests] return what really
// happened, so that a test can compare.
//
// Each address also serves the control plane, which offers most of these actions over HTTP. The
// paths of its calls start with /virtualbank/. GET /virtualbank/ lists them, each with an example
// body.
//
// # In a browser
//
// Each address also serves the provider's widget: MoneyKit's Connect, Dapi's Connect or Plaid's
// Link. [Server] has the address of each script. A user chooses a bank there, logs in, answers a
// code, chooses accounts, and allows or leaves. The widget passes to the page what
// [Bank.LinkMoneyKit], [Bank.LinkDapi] or [Bank.LinkPlaid] returns.
//
// # What is strict
//
// The bank rejects what the real providers reject. It checks credentials, the types and values of
// all members, the use and expiry of one-time tokens, and the range of days. It enforces the rate
// limits and page sizes that the providers document. Calls that overlap on one Dapi access token
// fail, as Dapi's documentation warns. Responses, error codes and webhook signatures follow the
// providers' documentation and their SDKs.
//
// # What is the bank's own choice
//
// The providers do not document everything. For the rest the bank decides, and a comment in the
// source says so. Examples are the TTLs of most tokens, the names and bodies of Dapi's webhooks,
// and the answers to Dapi's challenges. MoneyKit's institutions and all people are invented. No
// call moves money.
//
// # Time and chance
//
// Every bank has its own clock, which starts at [Options.Start]. [Options.Seed] decides all ids,
// credentials and transactions. Two banks return the same ids and tokens if they have the same Seed
// and Start and get the same requests in the same order.
package virtualbank
