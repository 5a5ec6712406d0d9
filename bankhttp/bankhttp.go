// Package bankhttp has the HTTP handlers of "connect your bank". They link, reconnect and
// disconnect banks, show accounts and transactions, answer a bank's questions, and receive
// webhooks.
//
//	service, err := bankhttp.New(bankhttp.Config{
//		Registry: registry,
//		Store:    store, // of package store, or your own
//		User:     func(r *http.Request) (string, error) { return loggedIn(r), nil },
//		Session:  bankmux.SessionRequest{Products: products},
//	})
//	http.Handle("/bank/", service.Handler())
//
// [Service.Handler] has the handlers on fixed paths. Each handler is also a method of its own. So
// an application can mount a few of them on its own paths. [Service.Health] is only such a method,
// because the public must not see it: mount it where your own network alone can reach it.
//
// # Paths
//
//	POST   /bank/sessions                             [Service.Link]
//	GET    /bank/sessions/{session}                   [Service.Session]
//	POST   /bank/sessions/{session}                   [Service.Finish]
//	GET    /bank/return                               [Service.Return]
//	GET    /bank/connections                          [Service.Connections]
//	POST   /bank/connections/{connection}/sessions    [Service.Reconnect]
//	DELETE /bank/connections/{connection}             [Service.Disconnect]
//	GET    /bank/connections/{connection}/sync        [Service.SyncState]
//	POST   /bank/connections/{connection}/sync        [Service.Sync]
//	GET    /bank/accounts                             [Service.Accounts]
//	POST   /bank/accounts                             [Service.ReadAccounts]
//	GET    /bank/transactions                         [Service.Transactions]
//	POST   /bank/challenges/{challenge}               [Service.Answer]
//	POST   /bank/unnamed/{unnamed}                    [Service.NameAccount]
//	DELETE /bank/user                                 [Service.DeleteUser]
//	POST   /bank/hooks/{client}                       [Service.Webhooks]
//	GET    /bank/launcher.js                          [Service.Launcher]
//
// # What is promised
//
// Every handler but Webhooks, Health and Launcher needs a user. What belongs to another user gets
// the same response as what does not exist. No response has a credential, a provider's reference or
// the text of an error. Two responses have ids of the provider. A launch has what the provider's
// page needs, such as the bank of a reconnect at Dapi. Health names institutions.
//
// A request with an unsafe method is refused if the browser says that another site sent it
// ([http.CrossOriginProtection]). A request body is JSON of bounded size, and must arrive in time.
//
// Posting the same again is safe for all handlers. It links nothing twice, and an answer to a bank
// is sent once. If the browser leaves during an exchange, the exchange goes on.
//
// # Errors
//
// An error is a problem document (RFC 9457, [Problem]). [StatusOf] has the HTTP status of each
// [bankmux.Kind]. The texts are those of this package, so they may be shown to the user.
package bankhttp
