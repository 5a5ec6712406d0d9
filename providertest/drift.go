package providertest

// This file has the promise about members that a provider adds.

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// drifting lists the promise about what an adapter does not know.
var drifting = []promise{
	{"a member that the provider adds is ignored, and reported within 200 responses", nil, addedMember},
}

// newMember is a member that no provider has.
const newMember = "suite_new_member"

// addedMember reads everything, first without the member and then with it. Later it adds another
// one, between two looks at the endpoint of the status or of the accounts.
func addedMember(t *testing.T, b *bench) {
	operation{}.setUp(b)
	without := b.readAll()
	b.addMember(newMember)
	with := b.readAll()
	for name, want := range without {
		assert.Equal(t, want, with[name], "an added member is ignored: %s", name)
	}
	for range 2 { // two responses of an endpoint must have it
		b.ask()
	}
	endpoints := map[string]bool{}
	for d := range b.guard.Drift() {
		assert.NotContains(t, d.Member+d.Word+d.Endpoint, wirefault.AddedValue, "no value is reported")
		if d.Kind == guard.DriftMember && strings.HasSuffix("."+d.Member, "."+newMember) {
			endpoints[d.Endpoint] = true
		}
	}
	require.NotEmpty(t, endpoints, "an added member is reported: set rest.Config.Drift, or call Guard.ReportDrift")

	const later = "suite_later_member"
	b.addMember(later)
	for range 200 {
		b.ask()
		if slices.ContainsFunc(b.drift(), func(d guard.Drift) bool { return strings.HasSuffix(d.Member, later) }) {
			return
		}
	}
	t.Error("an added member is reported within 200 responses")
}

// ask starts a session, and lists the accounts if the adapter can.
func (b *bench) ask() {
	_, err := b.client.CreateSession(b.t.Context(), b.Request)
	require.NoError(b.t, err)
	if b.client.Has(bankmux.CapAccounts) {
		_, err = b.client.Accounts(b.t.Context(), bankmux.AccountsRequest{Connection: b.conn})
		require.NoError(b.t, err)
	}
}

// reading is what an operation returned.
type reading struct {
	Kind    bankmux.Kind // of its error
	Results []string     // as JSON
}

// readAll calls each operation that reads, with a new client and the same connection. It returns
// what each of them returned. It also links another user, whose connection it does not use.
func (b *bench) readAll() map[string]reading {
	b.newClient(guard.Options{}, overPlain)
	b.prepared(b.t.Context())
	all := map[string]reading{}
	for _, op := range operations(b) {
		if !slices.Equal(op.effects, reads) || op.apart || op.needs != "" && !b.client.Has(op.needs) {
			continue
		}
		call, err := op.prepare(b)
		require.NoError(b.t, err)
		var results []any
		b.collect(&results)
		kind := bankmux.KindOf(call(b.t.Context()))
		b.collect(nil)
		all[op.name] = reading{kind, b.asJSON(results)}
	}
	return all
}

// asJSON returns values as JSON, which distinguishes all that an application can store.
func (b *bench) asJSON(values []any) (all []string) {
	for _, v := range values {
		text, err := json.Marshal(v)
		require.NoError(b.t, err)
		all = append(all, string(text))
	}
	return all
}

// collect sets where what the calls return is added. Nil means nowhere.
func (b *bench) collect(in *[]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.returned = in
}

// drift returns what the client has reported.
func (b *bench) drift() (all []guard.Drift) {
	for d := range b.guard.Drift() {
		all = append(all, d)
	}
	return all
}

// addMember adds a member to all later responses.
func (b *bench) addMember(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = name
}
