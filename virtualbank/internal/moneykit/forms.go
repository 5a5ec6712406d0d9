package moneykit

// This file writes responses in the selected form.

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Forms selects forms of responses. It is virtualbank.Forms.
type Forms struct {
	ZonelessTimes    bool   `json:"zoneless_times"`
	DocumentationURL string `json:"documentation_url"`
}

// SetForms selects the forms of later responses.
func (b *Provider) SetForms(f Forms) {
	b.Lock()
	defer b.Unlock()
	b.forms = f
}

// Form returns a response in the selected form.
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

// zoneless rewrites all timestamps of a JSON text in UTC, without a zone or a fraction.
func zoneless(text []byte) []byte {
	return instant.ReplaceAllFunc(text, func(quoted []byte) []byte {
		t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(quoted))
		if err != nil {
			return quoted // the calendar has no such day
		}
		return []byte(t.UTC().Format(`"2006-01-02T15:04:05"`))
	})
}
