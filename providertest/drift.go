package providertest

// This file has the promise about members that a provider adds.

import (
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
	without := b.readAll()
	b.addMember(newMember)
	with := b.readAll()
	assert.Equal(t, without, with, "an added member is ignored")
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
		_, _ = b.client.CreateSession(t.Context(), b.Request)
		if slices.ContainsFunc(b.drift(), func(d guard.Drift) bool { return strings.HasSuffix(d.Member, later) }) {
			return
		}
		if b.client.Has(bankmux.CapAccounts) {
			_, _ = b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: b.conn})
		}
	}
	t.Error("an added member is reported within 200 responses")
}

// readAll links a user with a new client and calls each operation that reads. It returns which of
// them failed.
func (b *bench) readAll() (failed []string) {
	b.newClient(guard.Options{}, overPlain)
	b.conn = b.prepared(b.t.Context())
	for _, op := range operations(b) {
		if !slices.Equal(op.effects, reads) || op.apart || op.needs != "" && !b.client.Has(op.needs) {
			continue
		}
		b.step(op, &failed)
	}
	return failed
}

// step calls one operation.
func (b *bench) step(op operation, failed *[]string) {
	op.setUp(b)
	call, err := op.prepare(b)
	require.NoError(b.t, err)
	if err := call(b.t.Context()); err != nil {
		*failed = append(*failed, op.name)
	}
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
