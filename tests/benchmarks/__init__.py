"""What it costs, measured beside what others cost: `cd tests && python -m benchmarks [names]`. Never a timed test."""
