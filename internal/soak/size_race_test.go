//go:build race

package soak_test

// The race detector takes ten times the time, and finds its races in fewer.
const standard = 15
