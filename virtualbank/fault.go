package virtualbank

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Fault asks the bank to misbehave. Requests that match strike in the order in
// which faults were injected.
type Fault struct {
	Name string `json:"fault"` // one of [FaultNames]

	Provider string `json:"provider,omitempty"` // "moneykit", "dapi", or "" for both
	// "POST /link-session/exchange-token", "/auth/ExchangeToken"; "" for all
	Operation     string `json:"operation,omitempty"`
	InstitutionID string `json:"institution_id,omitempty"` // only requests that concern this institution
	Times         int    `json:"times,omitempty"`          // how often; 0 means until cleared
	Location      string `json:"location,omitempty"`       // where the redirect fault points; "" means a dead address
}

// special are the faults in a provider's own words, and who has them.
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

// wordsOf is a fault in the own words of some providers.
type wordsOf struct {
	bank.Fault
	providers []string
}

type activeFault struct {
	Fault
	left int // -1 for ever

	endedFor []string // providers at which it was cleared
}

// FaultNames lists what can be injected.
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

// Inject makes matching requests go wrong. The error is a [*Refusal] that names
// what is unknown: fault, provider or operation.
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

// ClearFaults ends all misbehaviour.
func (b *Bank) ClearFaults() {
	b.core.Lock()
	defer b.core.Unlock()
	b.faults = nil
}

func (b *Bank) clearFaultsOf(provider string) {
	b.core.Lock()
	defer b.core.Unlock()
	for _, f := range b.faults {
		if f.Provider == "" { // of all: the others keep it
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

// takeFault returns the fault that matches a request; under the mutex.
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

// matches reports whether a fault makes sense for an operation, so that one that
// is counted is not used up where nobody would see it.
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

// describeFaults is what the control plane lists.
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
