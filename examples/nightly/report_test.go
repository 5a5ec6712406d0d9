package main

// This file tests what the report says of a machine that is too slow.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestConclusion(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		line row
		want string
	}{
		"a night in which all ran in time": {quiet, row{due: 100, done: 100, late: 3}, "Every promise was kept."},
		"users who must act have no run": {
			people, row{due: 100, done: 80, parked: 10, blocked: 8, dead: 2}, "Every promise was kept.",
		},
		"half of the runs are missing": {
			quiet,
			row{due: 1000, done: 489},
			"No promise was broken, but this machine was too slow for -minute 40ms: " +
				"in night 3, 511 of 1000 connections had no run.\n" +
				"So much of what the nights promise did not happen. Use a larger -minute.",
		},
		"all ran, and many of them late": {
			people,
			row{due: 100, done: 100, late: 11, longest: 2 * time.Hour},
			"No promise was broken, but this machine was too slow for -minute 40ms: " +
				"in night 3, 11 runs were late, the last by 120 min.\n" +
				"So much of what the nights promise did not happen. Use a larger -minute.",
		},
		"many are late after an outage": {outage, row{due: 100, done: 100, late: 60}, "Every promise was kept."},
	} {
		t.Run(name, func(t *testing.T) {
			var slow []string
			if text := tooSlow(&record{night: 3, kind: c.kind}, map[string]*row{"plaid": &c.line}); text != "" {
				slow = append(slow, text)
			}
			assert.Equal(t, c.want, conclusion(40*time.Millisecond, slow))
		})
	}
}
