"""`/metrics`: what an operator's Prometheus reads."""
