package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// drifting is a client of the virtual bank with a connection.
type drifting struct {
	bank   *virtualbank.Bank
	client *bankmux.Client
	conn   bankmux.Connection
	guard  *guard.Guard
	wire   *counting
}

func newDrifting(t *testing.T, provider string) *drifting {
	t.Helper()
	d := &drifting{
		bank: virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5}), guard: guard.New(guard.Options{}),
	}
	d.wire = &counting{RoundTripper: servedBy(d.bank, provider), responses: map[string]int{}}
	if provider == dapi.Name {
		d.wire.base = "/v2"
	}
	wire := &tampered{bank: d.wire, heard: map[string][]byte{}}
	var err error
	d.client, err = wire.openWith(provider, d.bank.Credentials(), d.guard)
	require.NoError(t, err)
	d.conn = d.link(t)
	if provider != dapi.Name {
		require.NoError(t, d.bank.Refresh(d.conn.Reference()))
	}
	return d
}

// link makes a connection.
func (d *drifting) link(t *testing.T) bankmux.Connection {
	t.Helper()
	session, err := d.client.CreateSession(t.Context(), bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{
			{Product: bankmux.ProductAccounts},
			{Product: bankmux.ProductAccountNumbers},
			{Product: bankmux.ProductIdentity},
			{Product: bankmux.ProductTransactions},
			{Product: bankmux.ProductInvestments},
		},
	})
	require.NoError(t, err)
	payload, err := posts(d.bank, session.Launch)
	require.NoError(t, err)
	conn, err := single.Connection(d.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(payload),
	}))
	require.NoError(t, err)
	return conn
}

// call calls an operation. It must succeed, unless the provider does not have it.
func (d *drifting) call(t *testing.T, name string) {
	t.Helper()
	for _, op := range reads {
		if op.name != name || name == "Disconnect" { // which would end the connection
			continue
		}
		if err := op.call(t.Context(), d.client, d.conn); !errors.Is(err, bankmux.ErrUnsupported) {
			require.NoError(t, err, name)
		}
	}
}

// TestDrift specifies what is reported of responses that an adapter does not know.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run(provider+" as documented is not drift", func(t *testing.T) {
			t.Parallel()
			d := newDrifting(t, provider)
			for _, op := range reads {
				d.call(t, op.name)
			}
			assert.Empty(t, d.guard.Drift())
		})
		t.Run("a member that "+provider+" adds is reported within 200 responses", func(t *testing.T) {
			t.Parallel()
			aNewMemberIsReported(t, provider)
		})
		t.Run("a member that "+provider+" adds is reported at each endpoint within 200 responses", func(t *testing.T) {
			t.Parallel()
			eachEndpointReportsANewMember(t, provider)
		})
		t.Run("a member that "+provider+" adds is reported within 200 links and disconnects", func(t *testing.T) {
			t.Parallel()
			linkingReportsANewMember(t, provider)
		})
	}
}

func aNewMemberIsReported(t *testing.T, provider string) {
	d := newDrifting(t, provider)
	accounts := func() bankmux.AccountsResult {
		got, err := d.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: d.conn})
		require.NoError(t, err)
		return got
	}
	var before bankmux.AccountsResult
	for range 57 {
		before = accounts()
	}
	d.bank.AddMember("brand_new")
	for range 200 {
		require.Equal(t, before, accounts(), "the member is ignored")
	}
	var members []string
	for one := range d.guard.Drift() {
		assert.Equal(t, provider, one.Client)
		assert.Equal(t, provider, one.Provider)
		assert.Equal(t, guard.DriftMember, one.Kind)
		assert.True(t, strings.HasSuffix(one.Endpoint, "/accounts") || strings.HasSuffix(one.Endpoint, "/accounts/get"))
		assert.NotContains(t, fmt.Sprintf("%+v", one), virtualbank.AddedValue)
		members = append(members, one.Member)
	}
	slices.Sort(members)
	assert.Equal(t, []string{"accounts[].brand_new", "brand_new"}, members)
}
