//go:build race

package providertest

// faultsOfRun returns the first fault of each class on each carrier, because the race detector takes
// ten times as long. The faults of a class take the same way through the adapter and its transport.
// A run without the detector injects all of them.
func faultsOfRun() (faults []matrixFault) {
	type way struct {
		class   class
		carrier carrier
	}
	seen := map[way]int{}
	for _, f := range matrixFaults {
		of := way{f.class, f.carrier()}
		if seen[of]++; seen[of] == 1 {
			faults = append(faults, f)
		}
	}
	return faults
}
