"""receive-pack: taking pushes, checking them in quarantine, and making them durable."""
