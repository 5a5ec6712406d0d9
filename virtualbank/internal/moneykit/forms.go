package moneykit

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
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

// SetmkForms chooses the forms from now on.
func (b *Provider) SetForms(f Forms) {
	b.Lock()
	defer b.Unlock()
	b.forms = f
}

// Form gives an answer its form.
func (b *Provider) Form(p bank.Reply) bank.Reply {
	b.Lock()
	f := b.forms
	b.Unlock()
	if e, ok := p.Body.(apiError); ok && f.DocumentationURL != "" {
		e.Documentation = &f.DocumentationURL
		p.Body = e
	}
	if f.ZonelessTimes && p.Body != nil {
		p.Body = json.RawMessage(zoneless(bank.Encode(p.Body)))
	}
	return p
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
