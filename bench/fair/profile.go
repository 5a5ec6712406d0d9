package main

// This file profiles one way, without the others.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// one names one way to do one operation.
type one struct {
	adapter, op, way string
	callers          int
}

// profile writes a profile of the processor time that one way takes. Work of the kernel for the
// connections is in it, as it is in the measures.
func profile(ctx context.Context, o one, n size, name string) (err error) {
	base, stop, err := start(ctx, "canned")
	if err != nil {
		return err
	}
	defer stop()
	if operations[o.adapter][o.op] == nil {
		return fmt.Errorf("no operation %q of %q", o.op, o.adapter)
	}
	all, err := ways(ctx, base, o.adapter, o.op, o.callers)
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.name != o.way {
			continue
		}
		if _, err := round(ctx, w, o.callers, n.calls); err != nil { // it opens connections
			return err
		}
		file, err := os.Create(name) //nolint:gosec // the user names the file
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return errors.Join(err, file.Close())
		}
		for range n.rounds {
			if _, err = round(ctx, w, o.callers, n.calls); err != nil {
				break
			}
		}
		pprof.StopCPUProfile()
		return errors.Join(err, file.Close())
	}
	return fmt.Errorf("no way %q", o.way)
}
