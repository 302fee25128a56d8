"""What others do in our place, and the long proofs: our halves and the peers' halves, on the same rigs."""
