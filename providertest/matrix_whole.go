//go:build !race

package providertest

// struckBy are the faults of a run: without the race detector, all of them.
func struckBy() []matrixFault { return matrixFaults() }
