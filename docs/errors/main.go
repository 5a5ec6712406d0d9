// Command errors makes calls fail in several ways, and shows what the user, the program and the log
// get. It runs against the virtual bank.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// reply is what the browser gets.
type reply struct {
	status int
	text   string
	wait   time.Duration // zero where waiting does not help
}

// replyTo decides by the kind of an error.
func replyTo(err error) reply {
	if err == nil {
		return reply{http.StatusOK, "done", 0}
	}
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok {
		return reply{http.StatusInternalServerError, "this is our fault", 0}
	}
	switch e.Kind {
	case bankmux.ErrUserAction:
		if e.Code == bankmux.CodeCancelled {
			return reply{http.StatusOK, "you left; start again whenever you like", 0}
		}
		return reply{http.StatusConflict, "your bank has a question", 0}
	case bankmux.ErrAnswerRejected, bankmux.ErrChallengeExpired:
		return reply{http.StatusConflict, "your bank did not accept this answer; try again", 0}
	case bankmux.ErrReauth, bankmux.ErrConsent:
		return reply{http.StatusConflict, "renew the access to your bank", 0}
	case bankmux.ErrTokenSpent, bankmux.ErrGone:
		return reply{http.StatusConflict, "link your bank again", 0}
	case bankmux.ErrOutcomeUnknown:
		return reply{http.StatusAccepted, "submit this page once more", 0} // the same payload
	case bankmux.ErrInstitution:
		return reply{http.StatusServiceUnavailable, "your bank is not available", waitFor(e)}
	case bankmux.ErrRateLimited, bankmux.ErrUnavailable, bankmux.ErrCircuitOpen,
		bankmux.ErrMalformed, bankmux.ErrNotReady:
		return reply{http.StatusServiceUnavailable, "try again later", waitFor(e)}
	case bankmux.ErrUnknown:
		if e.Affects() == bankmux.ScopeInstitution {
			return reply{http.StatusServiceUnavailable, "your bank is not available", waitFor(e)}
		}
	case bankmux.ErrInvalid:
		if e.Code == bankmux.CodeOtherSession {
			return reply{http.StatusConflict, "finish this in the other tab", 0}
		}
	}
	return reply{http.StatusInternalServerError, "this is our fault", 0} // the log has the rest
}

// waitFor returns how long to wait, rounded up to ten seconds.
func waitFor(e *bankmux.Error) time.Duration {
	const step = 10 * time.Second
	return (cmp.Or(e.RetryAfter, time.Minute) + step - 1).Truncate(step)
}

// send writes a reply.
func (r reply) send(w http.ResponseWriter) {
	if r.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.wait/time.Second)))
	}
	w.WriteHeader(r.status)
	_, _ = fmt.Fprintln(w, r.text)
}

// newGuard returns a guard that logs what an operator must act on.
func newGuard() *guard.Guard {
	return guard.New(guard.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
			Level: slog.LevelError,
			ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr { // leave this out
				shown := []string{"level", "op", "kind", "scope", "code", "status"}
				if len(groups) > 0 || !slices.Contains(shown, a.Key) {
					return slog.Attr{}
				}
				return a
			},
		})),
		OnStateChange: func(s guard.BreakerState) {
			log.Printf("the circuit of %s %s %s is %s", s.Client, s.Group, s.Institution, s.State) // page an operator
		},
		OnDrift: func(_ context.Context, d guard.Drift) {
			log.Printf("%s sends what is not known: %s %s %s", d.Client, d.Endpoint, d.Member, d.Word) // open an issue
		},
	})
}

// health returns the handler of a page that shows all circuit breakers.
func health(g *guard.Guard) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(g.Breakers())
	}
}

// changes reads accounts of a provider that has added a member.
func changes(
	ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client, g *guard.Guard, conn bankmux.Connection,
) error {
	bank.AddMember("brand_new") // in tests only
	defer bank.AddMember("")
	for range 2 { // responses, which have it both
		if _, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn}); err != nil {
			return err
		}
	}
	var lines []string
	for d := range g.Drift() {
		lines = append(lines, fmt.Sprintf("%s sends a new %s: %s %s", d.Client, d.Kind, d.Endpoint, d.Member))
	}
	slices.Sort(lines)
	fmt.Println(strings.Join(lines, "\n"))
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run makes calls that fail.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	servers, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer servers.Close()
	g := newGuard() // one guard for all clients
	http.HandleFunc("GET /health/banks", health(g))
	client, err := newClient(servers, bank.Credentials().Dapi, g)
	if err != nil {
		return err
	}

	session, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	if err != nil {
		return err
	}
	posted, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"AE"}})
	if err != nil {
		return err
	}
	exchange := func(payload json.RawMessage) (bankmux.ExchangeResult, error) {
		return client.ExchangeToken(ctx, bankmux.ExchangeRequest{
			Session: session, User: session.User, Payload: bankmux.NewSecret(payload),
		})
	}
	linked, err := exchange(posted)
	show("link", err)
	_, err = exchange(posted)
	show("link with a spent code", err)
	_, err = exchange(json.RawMessage(`{"error": null}`))
	show("link, and the user left", err)

	if err := changes(ctx, bank, client, g, linked.Connection); err != nil {
		return err
	}
	if err := outages(ctx, bank, client, linked.Connection); err != nil {
		return err
	}
	for _, b := range g.Breakers() {
		if b.Institution == "" { // those behind are of single banks
			fmt.Println("the circuit of", b.Client, b.Group, "is", b.State)
		}
	}

	wrong, err := newClient(servers, virtualbank.DapiCredentials{AppKey: "key", AppSecret: "wrong"}, newGuard())
	if err != nil {
		return err
	}
	_, err = wrong.Accounts(ctx, bankmux.AccountsRequest{Connection: linked.Connection})
	show("read, with wrong credentials", err)
	return nil
}

// outages reads while the bank or the provider fails.
func outages(ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client, conn bankmux.Connection) error {
	read := func(situation string) {
		ctx := guard.Interactive(ctx) // a user waits; in a handler it is guard.Interactive(r.Context())
		_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		show("read, and "+situation, err)
	}
	if err := bank.Inject(virtualbank.Fault{Name: "rate_limited_seconds", Times: 1}); err != nil {
		return err
	}
	read("the provider limits the rate")
	if err := bank.Outage(conn.Institution.ID, true); err != nil {
		return err
	}
	read("the bank is down")
	if err := bank.Outage(conn.Institution.ID, false); err != nil {
		return err
	}
	if err := bank.Inject(virtualbank.Fault{Name: "unavailable"}); err != nil {
		return err
	}
	read("the provider is down")
	read("it is still down")
	read("its circuit is open")
	bank.ClearFaults()
	return nil
}

// show prints what an error says, and what the browser gets.
func show(what string, err error) {
	w := httptest.NewRecorder() // in production: the response to the browser
	replyTo(err).send(w)
	fmt.Printf("%s\n    %d %s", what, w.Code, strings.TrimSpace(w.Body.String()))
	if wait := w.Header().Get("Retry-After"); wait != "" {
		fmt.Printf(", wait %ss", wait)
	}
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		fmt.Printf("\n    %s of %s: %s; the user must act: %t", e.Kind, e.Affects(), e.Remedy(), e.UserMustAct())
	}
	fmt.Println()
}

// newClient returns a client of the virtual bank.
func newClient(servers *virtualbank.Server, keys virtualbank.DapiCredentials, g *guard.Guard) (*bankmux.Client, error) {
	return dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     servers.DapiURL, // leave it out for the real provider
		Guard:       g,
	})
}
