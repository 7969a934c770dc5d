"""Training faces changed at random: pure functions of (seed, epoch, index), one batch at a time."""
