//go:build !race

package providertest

// faultsOfRun returns the faults of a run without the race detector: all of them.
func faultsOfRun() []matrixFault { return matrixFaults }
