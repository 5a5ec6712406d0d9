package main

// This file tests the progress of a night.

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProgress(t *testing.T) {
	t.Run("a terminal has a bar that is drawn over", func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{out: &out, terminal: true}
		p.show("night 1", 500, 1000)
		p.clear()
		assert.Equal(t, "\r\x1b[K"+strings.Repeat("█", 20)+strings.Repeat("░", 20)+" 500 of 1000  night 1\r\x1b[K",
			out.String())
	})
	t.Run("a file has four lines", func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{out: &out}
		for i := range 1001 {
			p.show("night 1", i, 1000)
		}
		assert.Equal(t, "night 1: 250 of 1000\nnight 1: 500 of 1000\nnight 1: 750 of 1000\nnight 1: 1000 of 1000\n",
			out.String())
	})
}
