package main

// This file has what drives the pretend banks from the page. An application has none of it.

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/virtualbank"
)

//go:embed web
var web embed.FS

// demo is the application with what the page needs beside it.
type demo struct {
	*banks
	store   *store.Store
	service *bankhttp.Service

	mu   sync.Mutex // guards the fields below
	down []string   // providers that are down
	log  []entry    // the newest first
}

// entry is a line of what happened.
type entry struct {
	At   string `json:"at"`
	Text string `json:"text"`
}

// maxLog is how many lines the page shows.
const maxLog = 50

// note adds a line to what happened.
func (d *demo) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = slices.Insert(d.log, 0, entry{time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...)})
	d.log = d.log[:min(len(d.log), maxLog)]
}

// handler serves the page, package bankhttp and the controls of the banks.
func (d *demo) handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	controls := http.NewServeMux()
	controls.HandleFunc("GET /demo/state", d.state)
	controls.HandleFunc("POST /demo/advance", control(d.advance))
	controls.HandleFunc("POST /demo/outage", control(d.outage))
	controls.HandleFunc("POST /demo/lapse", control(d.lapse))
	controls.HandleFunc("POST /demo/ask", control(d.ask))

	mux := http.NewServeMux()
	mux.Handle("/bank/", d.service.Handler())
	mux.Handle("/demo/", http.NewCrossOriginProtection().Handler(controls))
	mux.Handle("/", d.page(http.FileServerFS(files)))
	return mux
}

// page sets the rules of the page: scripts and frames come from the page and the pretend banks.
func (d *demo) page(files http.Handler) http.Handler {
	var origins []string
	for _, address := range []string{d.server.MoneyKitScriptURL, d.server.DapiScriptURL, d.server.PlaidScriptURL} {
		at, _ := url.Parse(address) // the server's own
		origins = append(origins, at.Scheme+"://"+at.Host)
	}
	banks := strings.Join(origins, " ")
	rules := "default-src 'self'; img-src 'self' data:; script-src 'self' " + banks +
		"; frame-src " + banks + "; connect-src 'self' " + banks +
		"; style-src 'self' 'unsafe-inline'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", rules)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		files.ServeHTTP(w, r)
	})
}

// control handles a request of the page that drives the banks.
func control[T any](do func(context.Context, T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in)
		if err == nil {
			err = do(r.Context(), in)
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "the control failed", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// provider is a provider as the page shows it.
type provider struct {
	Name      string               `json:"name"`
	Title     string               `json:"title"`
	Countries []string             `json:"countries"`
	Down      bool                 `json:"down"`
	Breakers  []guard.BreakerState `json:"breakers"`
}

// state returns what the page shows beside accounts and transactions.
func (d *demo) state(w http.ResponseWriter, r *http.Request) {
	var out struct {
		Today     string            `json:"today"`
		Countries []string          `json:"countries"`
		Providers []provider        `json:"providers"`
		Served    map[string]string `json:"served"` // the provider's title by connection
		Log       []entry           `json:"log"`
	}
	out.Today = bankmux.DateOf(d.bank.Now()).String()
	breakers := d.guard.Breakers()
	conns, err := d.store.Connections(r.Context(), user)
	if err != nil {
		http.Error(w, "the store is away", http.StatusServiceUnavailable)
		return
	}
	out.Served = map[string]string{}
	for _, conn := range conns {
		out.Served[conn.ID] = title(conn.Provider)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out.Log = append([]entry{}, d.log...)
	for _, client := range d.registry.Clients() {
		p := provider{
			Name: client.Name(), Title: title(client.Provider()), Down: slices.Contains(d.down, client.Provider()),
			Breakers: []guard.BreakerState{},
		}
		for _, route := range routes {
			if route.Client == client.Name() {
				p.Countries = append(p.Countries, route.Countries...)
			}
		}
		for _, b := range breakers {
			if b.Client == client.Name() {
				p.Breakers = append(p.Breakers, b)
			}
		}
		out.Providers = append(out.Providers, p)
		out.Countries = append(out.Countries, p.Countries...)
	}
	slices.Sort(out.Countries)
	out.Countries = slices.Compact(out.Countries)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// advance moves the clock of the banks and lets them announce what is new. Then it syncs all
// connections, as a nightly run does.
func (d *demo) advance(ctx context.Context, in struct{ Days int }) error {
	if in.Days < 1 || in.Days > 31 {
		return fmt.Errorf("%d is not a number of days", in.Days)
	}
	d.bank.Advance(time.Duration(in.Days) * 24 * time.Hour)
	d.note("the bank's clock moved by %d days", in.Days)
	conns, err := d.store.Connections(ctx, user)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		_ = d.bank.Refresh(conn.Reference()) // Dapi reads at the bank with each call
	}
	if _, err := d.bank.Deliver(ctx, http.DefaultClient); err != nil {
		return err
	}
	for _, conn := range conns {
		_, _ = d.sync(ctx, conn) // the page shows why it failed
	}
	return nil
}

// sync syncs one connection, reads its balances and notes what changed. The chart counts back from
// the balance, so rows and balance are of one moment. A note makes the page load both again.
func (d *demo) sync(ctx context.Context, conn bankmux.Connection) (bankmux.SyncAllResult, error) {
	res, err := d.service.SyncConnection(ctx, conn)
	if err == nil {
		err = d.service.ReadBalances(ctx, conn, res)
	}
	switch {
	case err != nil:
		d.note("%s: %s", bankName(conn), bankhttp.ProblemOf(err).Title)
	case res.Added+res.Changed+res.Removed > 0:
		d.note("%s: %d new rows, %d changed, %d removed", bankName(conn), res.Added, res.Changed, res.Removed)
	}
	return res, err
}

// follow does what a webhook announced.
func (d *demo) follow(ctx context.Context, event bankmux.Event, conn bankmux.Connection) error {
	if event.Kind == bankmux.EventTransactionsAvailable {
		_, err := d.sync(ctx, conn)
		return err
	}
	if err := d.service.Follow(ctx, event, conn); err != nil {
		return err
	}
	return d.service.ReadBalances(ctx, conn, bankmux.SyncAllResult{}) // Follow may have synced
}

// outage takes a provider down, or brings it back.
func (d *demo) outage(_ context.Context, in struct {
	Provider string
	Down     bool
},
) error {
	client, err := d.registry.Client(in.Provider)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.down = slices.DeleteFunc(d.down, func(p string) bool { return p == client.Provider() })
	if in.Down {
		d.down = append(d.down, client.Provider())
	}
	down := slices.Clone(d.down)
	d.mu.Unlock()
	d.bank.ClearFaults()
	for _, p := range down {
		if err := d.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: p}); err != nil {
			return err
		}
	}
	word := "up again"
	if in.Down {
		word = "down"
	}
	d.note("%s is %s", title(client.Provider()), word)
	return nil
}

// named names a connection of the page.
type named struct{ Connection string }

// lapse ends the user's consent at the bank.
func (d *demo) lapse(ctx context.Context, in named) error {
	conn, err := d.store.Connection(ctx, user, in.Connection)
	if err != nil {
		return err
	}
	if err := d.bank.Lapse(conn.Reference()); err != nil {
		return err
	}
	d.note("%s ended the consent", bankName(conn))
	if _, err := d.bank.Deliver(ctx, http.DefaultClient); err != nil {
		return err
	}
	_, _ = d.sync(ctx, conn) // notices it, also where no webhook announces it
	return nil
}

// ask makes a bank ask the user at the next call.
func (d *demo) ask(ctx context.Context, in named) error {
	conn, err := d.store.Connection(ctx, user, in.Connection)
	if err != nil {
		return err
	}
	d.note("%s asks for a one-time password next", bankName(conn))
	return d.bank.RequireInput(conn.Reference(), "", []string{"otp"})
}
