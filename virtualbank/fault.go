package virtualbank

// This file injects faults and matches them with requests.

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Fault says which requests fail, and how. If several faults match a request, the one that was
// injected first applies.
type Fault struct {
	Name string `json:"fault"` // one of [FaultNames]

	Provider string `json:"provider,omitempty"` // "moneykit", "dapi" or "plaid"; "" means all

	// Operation limits the fault to one operation, such as "POST /link-session/exchange-token" or
	// "/auth/ExchangeToken". "" means all.
	Operation string `json:"operation,omitempty"`

	// InstitutionID limits the fault to requests about this institution. "" means all.
	InstitutionID string `json:"institution_id,omitempty"`

	Times int `json:"times,omitempty"` // how many requests fail; 0 means all until [Bank.ClearFaults]

	// Location is the target of the redirect fault; "" means an address that does not respond.
	Location string `json:"location,omitempty"`
}

// special returns the faults in a provider's own words, each with the providers that have it.
func special() []wordsOf {
	var all []wordsOf
	var everyone []string
	for _, spec := range specs() {
		everyone = append(everyone, spec.Name)
		for _, f := range spec.Faults {
			all = append(all, wordsOf{f, []string{spec.Name}})
		}
	}
	for _, f := range bank.CommonFaults() {
		all = append(all, wordsOf{f, everyone})
	}
	return all
}

// wordsOf is a fault in the words of some providers.
type wordsOf struct {
	bank.Fault
	providers []string
}

type activeFault struct {
	Fault
	left int // -1 means no limit

	endedFor []string // the providers at which the fault was cleared
}

// FaultNames returns the names of all faults. GET /virtualbank/fault returns each with a
// description.
func FaultNames() []string {
	var names []string
	for _, f := range wirefault.All() {
		names = append(names, f.Name)
	}
	for _, f := range special() {
		names = append(names, f.Name)
	}
	return names
}

// Inject makes later matching requests fail. The error is a [*Refusal] if the fault, the provider
// or the operation is unknown.
func (b *Bank) Inject(f Fault) error {
	if f.Provider != "" && !slices.ContainsFunc(specs(), func(s bank.Spec) bool { return s.Name == f.Provider }) {
		return bank.Refuse(http.StatusBadRequest, "unknown provider %q", f.Provider)
	}
	if f.Times < 0 {
		return bank.Refuse(http.StatusBadRequest, "times is negative")
	}
	if !slices.Contains(FaultNames(), f.Name) {
		return bank.Refuse(http.StatusBadRequest, "unknown fault %q", f.Name)
	}
	for _, s := range special() {
		if s.Name == f.Name && f.Provider != "" && !slices.Contains(s.providers, f.Provider) {
			return bank.Refuse(http.StatusBadRequest, "%s has no fault %q", f.Provider, f.Name)
		}
	}
	if f.Operation != "" && !b.hasOperation(f.Provider, f.Operation) {
		return bank.Refuse(http.StatusBadRequest, "unknown operation %q", f.Operation)
	}
	left := f.Times
	if left == 0 {
		left = -1
	}
	b.core.Lock()
	defer b.core.Unlock()
	b.faults = append(b.faults, &activeFault{Fault: f, left: left})
	return nil
}

// ClearFaults removes all faults.
func (b *Bank) ClearFaults() {
	b.core.Lock()
	defer b.core.Unlock()
	b.faults = nil
}

func (b *Bank) clearFaultsOf(provider string) {
	b.core.Lock()
	defer b.core.Unlock()
	for _, f := range b.faults {
		if f.Provider == "" { // the other providers keep it
			f.endedFor = append(f.endedFor, provider)
		}
	}
	b.faults = slices.DeleteFunc(b.faults, func(f *activeFault) bool { return f.Provider == provider })
}

func (b *Bank) hasOperation(provider, op string) bool {
	return slices.ContainsFunc(b.providers, func(p bank.Provider) bool {
		return (provider == "" || provider == p.Spec().Name) &&
			slices.ContainsFunc(p.Routes(), func(r bank.Route) bool { return r.Operation == op })
	})
}

// takeFault returns the fault that applies to a request, and counts it. Callers hold the mutex.
func (b *Bank) takeFault(p bank.Provider, op, institution string) (Fault, bool) {
	provider := p.Spec().Name
	for i, f := range b.faults {
		switch {
		case f.Provider != "" && f.Provider != provider,
			slices.Contains(f.endedFor, provider),
			f.Operation != "" && f.Operation != op,
			f.InstitutionID != "" && !b.sameInstitution(f.InstitutionID, institution),
			!f.matches(p, op):
			continue
		}
		if f.left--; f.left == 0 {
			b.faults = slices.Delete(b.faults, i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

// matches reports whether a fault has an effect on an operation. A fault with a limit is not
// counted where it has none.
func (f Fault) matches(p bank.Provider, op string) bool {
	all := special()
	i := slices.IndexFunc(all, func(s wordsOf) bool { return s.Name == f.Name })
	if i < 0 {
		return true
	}
	return slices.Contains(all[i].providers, p.Spec().Name) && p.Applies(f.Name, op, f.Operation == op)
}

func (b *Bank) sameInstitution(wanted, got string) bool {
	if wanted == got {
		return true
	}
	at, ok := b.core.Institution(func(in bank.Institution) bool { return in.GoesBy(wanted) })
	return ok && at.GoesBy(got)
}

// describeFaults returns the descriptions that the control plane lists.
func describeFaults() map[string]string {
	all := map[string]string{}
	for _, f := range wirefault.All() {
		all[f.Name] = f.Summary
	}
	for _, f := range special() {
		all[f.Name] = fmt.Sprintf("%s (%s)", f.Summary, f.providers)
	}
	return all
}
