package virtualbank

// This file keeps webhooks and delivers them.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// maxRecords limits the outbox. Beyond it the oldest webhooks are dropped.
const maxRecords = 100_000

// outbox holds the webhooks that the bank announced.
type outbox struct {
	records  []*DeliveryRecord // in the order of announcement
	disorder Disorder
}

// outboxOf implements bank.Outbox.
type outboxOf struct{ *Bank }

// Announce puts a webhook into the outbox. Its body is fixed from then on.
func (b outboxOf) Announce(url string, w bank.Webhook) string {
	o := &b.outbox
	if len(o.records) == maxRecords {
		o.records = slices.Delete(o.records, 0, maxRecords/10)
	}
	d := &DeliveryRecord{URL: url, Next: w.At}
	d.body, w.Key = b.sealed(w)
	d.Webhook = Webhook{w.Provider, w.Event, w.Reference, w.Members, w.Key}
	d.Token = b.provider(w.Provider).Token()
	o.records = append(o.records, d)
	return d.Token
}

// DeliveryRecord is a webhook in the outbox, and how its delivery went so far.
type DeliveryRecord struct {
	URL      string    `json:"url"`
	Webhook  Webhook   `json:"webhook"`
	Token    string    `json:"delivery_token,omitempty"` // MoneyKit's; the same in every attempt
	Attempts int       `json:"attempts"`
	Status   int       `json:"status"`         // of the last response; 0 if there was none
	Accepted bool      `json:"accepted"`       // the last response was 2xx
	GivenUp  bool      `json:"given_up"`       // no further attempt follows
	Next     time.Time `json:"next,omitzero"`  // when the next attempt is due, on the bank's clock
	First    time.Time `json:"first,omitzero"` // when the first attempt was made
	body     []byte    // the same in every attempt
}

func (d *DeliveryRecord) open() bool { return !d.Accepted && !d.GivenUp }

// Disorder describes deliveries in random order and duplicate deliveries.
type Disorder struct {
	Shuffle bool `json:"shuffle"` // deliver in random order
	Repeat  int  `json:"repeat"`  // how many duplicates follow each accepted delivery
}

// Disorder makes later deliveries arrive in random order or repeatedly.
func (b *Bank) Disorder(d Disorder) {
	b.core.Lock()
	defer b.core.Unlock()
	b.disorder = d
}

// Announce puts a webhook into the outbox, to be sent to url. If url is "", it is sent to the
// webhook address of the MoneyKit link, of the Plaid Item, or of Dapi's dashboard. The error is a
// [*Refusal] if there is no such address. An event of Plaid has a type and a code, such as
// "ITEM:ERROR". Any other form is refused, too.
func (b *Bank) Announce(url string, w Webhook) error {
	b.core.Lock()
	defer b.core.Unlock()
	if url == "" {
		url = b.provider(w.Provider).Address(w.Reference)
	}
	if url == "" {
		return bank.Refuse(http.StatusUnprocessableEntity, "there is no webhook address for %q", w.Reference)
	}
	kind, code, _ := strings.Cut(w.Event, ":")
	if w.Provider == b.plaid.Spec().Name && (kind == "" || code == "") {
		return bank.Refuse(http.StatusBadRequest, "an event of Plaid is a type and a code, not %q", w.Event)
	}
	outboxOf{b}.Announce(url, b.happened(w))
	return nil
}

// Deliveries returns the webhooks that were announced so far, in the order of announcement.
func (b *Bank) Deliveries() []DeliveryRecord {
	b.core.Lock()
	defer b.core.Unlock()
	b.settle()
	all := make([]DeliveryRecord, 0, len(b.records))
	for _, d := range b.records {
		all = append(all, *d)
	}
	return all
}

// Tally counts the results of [Bank.Deliver].
type Tally struct {
	Sent     int `json:"sent"`     // requests, including duplicates
	Accepted int `json:"accepted"` // webhooks with a 2xx response
	Refused  int `json:"refused"`  // webhooks with another response or none
	GivenUp  int `json:"given_up"` // webhooks in Refused that are not retried
}

// Deliver sends every webhook that is due on the bank's clock, one after another, and returns the
// results. It sends to loopback addresses only, unless [Options.RemoteWebhooks] is set. Two
// concurrent calls may send a webhook twice. The only error is that of ctx.
//
// A webhook without a 2xx response is due again later, with a new signature but the same body and
// Key. MoneyKit retries for two hours, after 10 s, 20 s, 40 s and so on; its guide documents two
// hours with growing pauses. Plaid retries for 24 hours, after 30 s, 2 min, 8 min and so on. Dapi
// retries after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, which is the bank's choice.
func (b *Bank) Deliver(ctx context.Context, client *http.Client) (Tally, error) {
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var t Tally
	for _, d := range b.due() {
		for n := 0; ; n++ {
			if ctx.Err() != nil {
				return t, ctx.Err()
			}
			t.Sent++
			status := b.attempt(ctx, &direct, d)
			if ctx.Err() != nil {
				return t, ctx.Err()
			}
			b.core.Lock()
			b.note(d, status, b.Now())
			accepted, again, gone := d.Accepted, b.disorder.Repeat, d.GivenUp
			b.core.Unlock()
			if !accepted {
				t.Refused++
				if gone {
					t.GivenUp++
				}
				break
			}
			if n == 0 {
				t.Accepted++
			}
			if n >= again {
				break
			}
		}
	}
	return t, nil
}

// DeliverAll calls [Bank.Deliver] every 200 ms until ctx ends. It suits a bank that runs as a
// process of its own. The only error is that of ctx.
func (b *Bank) DeliverAll(ctx context.Context, client *http.Client) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := b.Deliver(ctx, client); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// due returns the webhooks to send now.
func (b *Bank) due() []*DeliveryRecord {
	b.core.Lock()
	defer b.core.Unlock()
	b.settle()
	now := b.Now()
	var all []*DeliveryRecord
	for _, d := range b.records {
		if d.open() && !d.Next.After(now) && b.reaches(d.URL) {
			all = append(all, d)
		}
	}
	if b.disorder.Shuffle {
		random := rand.New(b.core.WebhookGen.Source) //nolint:gosec // a virtual bank
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all
}

// reaches reports whether the bank may send to an address. By default it may not send to other
// machines, because a test must not call the owner of a host in its example data.
func (b *Bank) reaches(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return b.remote || u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

// settle announces what happened because time passed, such as the ends of refreshes.
func (b *Bank) settle() {
	for _, p := range b.providers {
		p.Settle()
	}
}

// attempt sends a webhook and returns the status of the response, 0 if there was none.
func (b *Bank) attempt(ctx context.Context, client *http.Client, d *DeliveryRecord) int {
	b.core.Lock()
	s := b.stamp()
	s.Attempt, s.Token = d.Attempts+1, d.Token
	header, body := b.provider(d.Webhook.Provider).Sign(d.Webhook.Key, d.body, s), d.body
	b.core.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header = header
	res, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, bank.MaxBody))
	return res.StatusCode
}

// note records the result of an attempt.
func (b *Bank) note(d *DeliveryRecord, status int, now time.Time) {
	if d.First.IsZero() {
		d.First = now
	}
	d.Attempts++
	d.Status = status
	onlyOK := b.provider(d.Webhook.Provider).Spec().OnlyOK
	if status == http.StatusOK || (!onlyOK && status >= 200 && status < 300) {
		d.Accepted, d.Next = true, time.Time{}
	}
	if d.Accepted {
		return
	}
	pause, ok := b.provider(d.Webhook.Provider).Pause(d.Attempts, now.Sub(d.First))
	if !ok {
		d.GivenUp, d.Next = true, time.Time{}
		return
	}
	d.Next = now.Add(pause)
}

// Send sends a request that [Bank.Delivery] or [Bank.Forge] returned. It returns the status of the
// response.
func Send(client *http.Client, r *http.Request) (int, error) {
	res, err := client.Do(r) //nolint:gosec // the test made the request
	if err != nil {
		return 0, errors.New("virtualbank: no response to the delivery")
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, bank.MaxBody))
	return res.StatusCode, nil
}
