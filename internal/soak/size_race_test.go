//go:build race

package soak_test

// standard is small, because the race detector takes ten times as long and finds races in fewer.
const standard = 8
