package virtualbank

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"time"
)

// Forms chooses between forms of MoneyKit's answers that its own sources show. The zero value is
// what its sandbox was recorded to send.
type Forms struct {
	// ZonelessTimes writes every timestamp as the samples of MoneyKit's documentation do, webhooks
	// included: 2026-11-22T09:14:11, in UTC, with neither zone nor fraction.
	ZonelessTimes bool `json:"zoneless_times"`

	// DocumentationURL is in every error; "" writes null.
	DocumentationURL string `json:"documentation_url"`
}

// SetForms chooses the forms from now on.
func (b *Bank) SetForms(f Forms) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forms = f
}

// mkForm gives an answer its form.
func (b *Bank) mkForm(p reply) reply {
	b.mu.Lock()
	f := b.forms
	b.mu.Unlock()
	if e, ok := p.body.(moneyKitError); ok && f.DocumentationURL != "" {
		e.Documentation = &f.DocumentationURL
		p.body = e
	}
	if f.ZonelessTimes && p.body != nil {
		p.body = json.RawMessage(zoneless(encoded(p.body)))
	}
	return p
}

// mkLimited is the body of a 429 that a fault of the wire writes.
func (b *Bank) mkLimited() []byte {
	return encoded(b.mkForm(mkFail(http.StatusTooManyRequests, mkRateLimited, "Rate limit exceeded")).body)
}

// encoded is a body as JSON.
func encoded(body any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(err) // every body is a type of this package
	}
	return buf.Bytes()
}

var instant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"`)

// zoneless writes every instant in a JSON text in UTC, with neither zone nor fraction.
func zoneless(text []byte) []byte {
	return instant.ReplaceAllFunc(text, func(quoted []byte) []byte {
		t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(quoted))
		if err != nil {
			return quoted // of no calendar
		}
		return []byte(t.UTC().Format(`"2006-01-02T15:04:05"`))
	})
}
