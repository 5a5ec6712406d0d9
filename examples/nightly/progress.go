package main

// This file shows how far the program is.

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// progress is a bar on a terminal, and otherwise a line from time to time.
type progress struct {
	out      io.Writer
	terminal bool
	last     string    // line that was written without a terminal
	drawn    bool      // a bar stands in the current line
	at       time.Time // of the last bar
}

// newProgress returns a progress that writes to a file.
func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && isatty.IsTerminal(file.Fd())}
}

// columns is the length of a bar, and bars is how many lines replace it without a terminal.
const (
	columns = 40
	bars    = 4
)

// show shows that n of total are done.
func (p *progress) show(what string, n, total int) {
	if total == 0 {
		return
	}
	if p.terminal {
		if now := time.Now(); n == total || now.Sub(p.at) >= 50*time.Millisecond {
			filled := columns * n / total
			fmt.Fprintf(p.out, "\r\x1b[K%s%s %d of %d  %s",
				strings.Repeat("█", filled), strings.Repeat("░", columns-filled), n, total, what)
			p.at, p.drawn = now, true
		}
		return
	}
	line := fmt.Sprintf("%s: %d of %d", what, total*(bars*n/total)/bars, total)
	if bars*n/total > 0 && line != p.last {
		p.last = line
		fmt.Fprintln(p.out, line)
	}
}

// end replaces the bar by a line with the last count, which also follows the lines of a file.
func (p *progress) end(what string, n, total int) {
	p.clear()
	fmt.Fprintf(p.out, "%s: %d of %d\n", what, n, total)
}

// clear ends the bar, so that other lines can follow.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// showNight shows how many connections have had their run in the present night.
func (n *nights) showNight(ctx context.Context) {
	if len(n.records) == 0 {
		return
	}
	r := n.records[len(n.records)-1]
	if r.closed {
		return
	}
	if done, err := n.doneIn(ctx, r); err == nil {
		what := fmt.Sprintf("night %d, %s, %s", r.night, r.kind, n.clock.now().Format("15:04"))
		if !n.progress.terminal {
			what = fmt.Sprintf("night %d, %s", r.night, r.kind)
		}
		n.progress.show(what, done, len(n.conns))
	}
}

// doneIn returns how many connections have had a run in a night so far.
func (n *nights) doneIn(ctx context.Context, r *record) (done int, err error) {
	from := n.clock.machine(n.clock.midnight(r.night))
	err = n.member.db.QueryRowContext(ctx, "SELECT count(DISTINCT connection) FROM nightly_runs"+
		" WHERE kind = '' AND started >= $1", from).Scan(&done)
	return min(done, len(n.conns)), err
}
