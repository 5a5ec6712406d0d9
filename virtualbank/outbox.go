package virtualbank

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
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// maxRecords bounds the outbox; beyond it the oldest webhook is forgotten.
const maxRecords = 100_000

// outbox is what the bank announced.
type outbox struct {
	records  []*DeliveryRecord // in the order of announcement
	disorder Disorder
}

// Announce implements the outbox of the core.
type announcer struct{ *Bank }

// Announce puts a webhook into the outbox as it is to be said now.
func (b announcer) Announce(url string, w bank.Webhook) string {
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

// DeliveryRecord is a webhook on its way.
type DeliveryRecord struct {
	URL      string    `json:"url"`
	Webhook  Webhook   `json:"webhook"`
	Token    string    `json:"delivery_token,omitempty"` // MoneyKit's, the same in every attempt
	Attempts int       `json:"attempts"`
	Status   int       `json:"status"`         // of the last attempt; 0 if there was no answer
	Accepted bool      `json:"accepted"`       // answered with 2xx
	GivenUp  bool      `json:"given_up"`       // no attempt is left
	Next     time.Time `json:"next,omitzero"`  // of the next attempt, on the bank's clock
	First    time.Time `json:"first,omitzero"` // of the first attempt
	body     []byte    // the same in every attempt
}

func (d *DeliveryRecord) open() bool { return !d.Accepted && !d.GivenUp }

// Disorder is how a network may treat webhooks.
type Disorder struct {
	Shuffle bool `json:"shuffle"` // in no order
	Repeat  int  `json:"repeat"`  // so many times more, although it was accepted
}

// Disorder lets webhooks come in disorder from now on.
func (b *Bank) Disorder(d Disorder) {
	b.core.Lock()
	defer b.core.Unlock()
	b.outbox.disorder = d
}

// Announce puts a webhook into the outbox, for url or, if that is "", for the link's or the
// dashboard's address. The error is a [*Refusal] where there is none.
func (b *Bank) Announce(url string, w Webhook) error {
	b.core.Lock()
	defer b.core.Unlock()
	if url == "" {
		url = b.provider(w.Provider).Address(w.Reference)
	}
	if url == "" {
		return bank.Refuse(http.StatusUnprocessableEntity, "there is no address for webhooks of %q", w.Reference)
	}
	announcer{b}.Announce(url, b.happened(w))
	return nil
}

// Deliveries are the webhooks announced so far, in their order.
func (b *Bank) Deliveries() []DeliveryRecord {
	b.core.Lock()
	defer b.core.Unlock()
	b.settle()
	all := make([]DeliveryRecord, 0, len(b.outbox.records))
	for _, d := range b.outbox.records {
		all = append(all, *d)
	}
	return all
}

// Tally is what became of webhooks that were due.
type Tally struct {
	Sent     int `json:"sent"`     // requests, with repeats
	Accepted int `json:"accepted"` // answered with 2xx
	Refused  int `json:"refused"`  // with anything else, or not at all; they come again
	GivenUp  int `json:"given_up"` // for the last time
}

// Deliver sends every webhook that is due on the bank's clock to a loopback address (see
// [Options.RemoteWebhooks]), once, each after the other, and returns what became of them. One that
// is not answered with 2xx is due again later: at MoneyKit after 10 s, 20 s, 40 s and so on for two
// hours (it repeats for two hours with growing pauses, its guide says), at Dapi after 5 s, 5 min,
// 30 min, 2 h, 5 h, 10 h and 10 h (the bank's choice). Each attempt is signed anew, with the key it
// had. Two calls at once may send one twice. The error is that of ctx.
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
			accepted, again, gone := d.Accepted, b.outbox.disorder.Repeat, d.GivenUp
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

// DeliverAll calls [Bank.Deliver] again and again until ctx ends, for a bank that runs as a
// process.
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

// due are the webhooks to send now.
func (b *Bank) due() []*DeliveryRecord {
	b.core.Lock()
	defer b.core.Unlock()
	b.settle()
	now := b.Now()
	var all []*DeliveryRecord
	for _, d := range b.outbox.records {
		if d.open() && !d.Next.After(now) && b.reaches(d.URL) {
			all = append(all, d)
		}
	}
	if b.outbox.disorder.Shuffle {
		rand.New(b.core.HookGen.Source).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all
}

// reaches reports whether the bank may send to an address: a test must not call whoever owns a host
// of its example data.
func (b *Bank) reaches(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return b.remote || u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

// settle lets happen what the passing of time brings: the ends of refreshes, and at Dapi a new day
// with its transactions.
func (b *Bank) settle() {
	for _, p := range b.providers {
		p.Settle()
	}
}

// attempt sends a webhook and returns the status, 0 if there was no answer.
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

// note writes down how an attempt ended.
func (b *Bank) note(d *DeliveryRecord, status int, now time.Time) {
	if d.First.IsZero() {
		d.First = now
	}
	d.Attempts++
	d.Status = status
	if status >= 200 && status < 300 {
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

// Send sends a request made by [Bank.Delivery] or [Bank.Forge] and returns the status of the
// answer.
func Send(client *http.Client, r *http.Request) (int, error) {
	res, err := client.Do(r)
	if err != nil {
		return 0, errors.New("virtualbank: no answer to the delivery")
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, bank.MaxBody))
	return res.StatusCode, nil
}
