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
)

// mostRecords bounds the outbox; beyond it the oldest webhook is forgotten.
const mostRecords = 100_000

// outbox is what the bank announced.
type outbox struct {
	records  []*DeliveryRecord // in the order of announcement
	disorder Disorder
}

// announce puts a webhook into the outbox as it is to be said now.
func (b *Bank) announce(url string, w Webhook) *DeliveryRecord {
	o := &b.hooks.outbox
	if len(o.records) == mostRecords {
		o.records = slices.Delete(o.records, 0, mostRecords/10)
	}
	d := &DeliveryRecord{URL: url, Webhook: w, Next: w.at}
	d.body, d.Webhook.Key = b.sealed(w)
	if w.Provider == providerMoneyKit {
		d.Token = b.hooks.gen.uuid()
	}
	o.records = append(o.records, d)
	return d
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
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hooks.disorder = d
}

// Announce puts a webhook into the outbox, for url or, if that is "", for the link's or the
// dashboard's address. The error is a [*Refusal] where there is none.
func (b *Bank) Announce(url string, w Webhook) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if url == "" && w.Provider == providerDapi {
		url = b.dapiHooks.URL
	}
	if l, ok := b.mk.links[w.Reference]; ok && url == "" && l.webhook != nil {
		url = *l.webhook
	}
	if url == "" {
		return refuse(http.StatusUnprocessableEntity, "there is no address for webhooks of %q", w.Reference)
	}
	w.at = b.Now()
	b.announce(url, w)
	return nil
}

// Deliveries are the webhooks announced so far, in their order.
func (b *Bank) Deliveries() []DeliveryRecord {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	all := make([]DeliveryRecord, 0, len(b.hooks.records))
	for _, d := range b.hooks.records {
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
			b.mu.Lock()
			b.hooks.note(d, status, b.Now())
			accepted, again, gone := d.Accepted, b.hooks.disorder.Repeat, d.GivenUp
			b.mu.Unlock()
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
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	now := b.Now()
	var all []*DeliveryRecord
	for _, d := range b.hooks.records {
		if d.open() && !d.Next.After(now) && b.reaches(d.URL) {
			all = append(all, d)
		}
	}
	if b.hooks.disorder.Shuffle {
		rand.New(b.hooks.gen.source).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
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
	return b.opts.RemoteWebhooks || u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

// settle lets happen what the passing of time brings: the ends of refreshes, and at Dapi a new day
// with its transactions.
func (b *Bank) settle() {
	now := b.Now()
	for _, l := range b.mk.order {
		l.settle(now, b.outages[l.institution.Name])
	}
	for _, c := range b.dp.order {
		if today := dayOf(now); c.day != today && !c.delinked && !c.lapsed {
			c.day = today
			b.announceDapi(c, dpTransactions, nil)
		}
	}
}

// attempt sends a webhook and returns the status, 0 if there was no answer.
func (b *Bank) attempt(ctx context.Context, client *http.Client, d *DeliveryRecord) int {
	b.mu.Lock()
	s := b.stamp()
	s.attempt, s.delivery = d.Attempts+1, d.Token
	header, body := b.signed(d.Webhook.Provider, d.Webhook.Key, d.body, s), d.body
	b.mu.Unlock()
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
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody))
	return res.StatusCode
}

// note writes down how an attempt ended.
func (o *outbox) note(d *DeliveryRecord, status int, now time.Time) {
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
	pause, ok := pauseAfter(d, now)
	if !ok {
		d.GivenUp, d.Next = true, time.Time{}
		return
	}
	d.Next = now.Add(pause)
}

// How webhooks are repeated.
const (
	mkFirstPause = 10 * time.Second
	mkRepeatsFor = 2 * time.Hour
)

var dpPauses = []time.Duration{
	5 * time.Second,
	5 * time.Minute,
	30 * time.Minute,
	2 * time.Hour,
	5 * time.Hour,
	10 * time.Hour,
	10 * time.Hour,
}

func pauseAfter(d *DeliveryRecord, now time.Time) (time.Duration, bool) {
	if d.Webhook.Provider == providerDapi {
		if d.Attempts > len(dpPauses) {
			return 0, false
		}
		return dpPauses[d.Attempts-1], true
	}
	pause := mkFirstPause << min(d.Attempts-1, 16)
	return pause, now.Add(pause).Sub(d.First) <= mkRepeatsFor
}

// Send sends a request made by [Bank.Delivery] or [Bank.Forge] and returns the status of the
// answer.
func Send(client *http.Client, r *http.Request) (int, error) {
	res, err := client.Do(r)
	if err != nil {
		return 0, errors.New("virtualbank: no answer to the delivery")
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody))
	return res.StatusCode, nil
}
