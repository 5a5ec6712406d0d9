package riversync_test

// This file tests that connections go on while the provider of others hangs.

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
)

// TestHang specifies that a provider that hangs takes no workers of others.
func TestHang(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"connections of other providers go on, and later its own do": othersGoOn,
	})
}

// twoClients lets a process serve the connections of a second client too, at another bank.
func twoClients(t *testing.T, d *database, far *bank) (p *process, second *bankmux.Client) {
	t.Helper()
	p = d.process(t, newBank(), func(p *process) {
		p.change = func(o *riversync.Options) {
			o.Patience = time.Second
			o.Sync = func(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
				if req.Connection.Client == "far" {
					return second.SyncAll(ctx, req)
				}
				return p.client.SyncAll(ctx, req)
			}
		}
	})
	second = bankmux.NewClient("far", far)
	return p, second
}

// completed nudges a connection, and waits until a job of it completes.
func (p *process) completed(t *testing.T, conn bankmux.Connection) {
	t.Helper()
	p.nudge(t, conn)
	for {
		e := p.wait(t)
		var args struct{ Connection string }
		require.NoError(t, json.Unmarshal(e.Job.EncodedArgs, &args))
		if e.Kind == river.EventKindJobCompleted && args.Connection == conn.ID {
			return
		}
	}
}

func othersGoOn(t *testing.T, d *database) {
	far, hung := newBank(), newGate()
	far.failing(hung.at("accounts"))
	p, second := twoClients(t, d, far)
	own := p.client
	p.client = second
	var conns []bankmux.Connection
	for i := range 8 { // twice as many as there are workers
		conns = append(conns, p.link(t, fmt.Sprint("far-", i)))
		p.nudge(t, conns[i])
	}
	p.client = own
	p.start(t)
	for range 4 {
		<-hung.reached
	}
	for i := range 4 {
		p.completed(t, p.link(t, fmt.Sprint("rosa-", i)))
	}
	require.Eventually(t, func() bool {
		return d.count(t, "SELECT count(*) FROM bankmux_river_connections WHERE user_id LIKE 'far%'"+
			" AND NOT running AND kind IN ('provider_unavailable', 'circuit_open')") >= len(conns)-3
	}, patience, 10*time.Millisecond, "three of four workers wait at most")

	far.failing(nil)
	close(hung.open)
	for _, conn := range conns {
		p.completed(t, conn)
	}
}
