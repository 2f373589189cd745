"""What happened and what it means: pure, no I/O, no clock, no randomness."""
